//! Tables on object storage.

use secrecy::{ExposeSecret as _, SecretString};

/// How an S3-compatible object storage is reached. What is `None` comes from the environment (`AWS_ENDPOINT`, `AWS_REGION`,
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, …), then from the machine's role.
///
/// The storage has to honour `If-None-Match: *` when it saves an object: that is what two writers at once are told apart
/// by. AWS, `MinIO`, Ceph, R2 and GCS do.
#[derive(Clone, Debug, Default)]
pub struct S3Options {
    /// Its URL, when it is not AWS's own.
    pub endpoint: Option<String>,
    /// The region. Where there is an endpoint, most accept any.
    pub region: Option<String>,
    /// Whose access it is.
    pub access_key_id: Option<String>,
    /// The secret that belongs to the access key. Never printed.
    pub secret_access_key: Option<SecretString>,
    /// Whether the endpoint may be `http://`: keys and memories then travel unencrypted. Also `AWS_ALLOW_HTTP=true`.
    pub allow_http: bool,
    /// Whether the bucket is part of the URL's path (`true`, the default) or of the host's name.
    pub path_style: Option<bool>,
}

impl S3Options {
    /// As LanceDB names them.
    pub(crate) fn named(&self) -> Vec<(String, String)> {
        let texts = [
            ("aws_endpoint", self.endpoint.clone()),
            ("aws_region", self.region.clone()),
            ("aws_access_key_id", self.access_key_id.clone()),
            ("aws_secret_access_key", self.secret_access_key.as_ref().map(|key| key.expose_secret().to_owned())),
            ("allow_http", self.allow_http.then(|| "true".to_owned())),
            ("aws_virtual_hosted_style_request", self.path_style.map(|path| (!path).to_string())),
        ];
        texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// What kind of place a URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Folder,
    S3,
    /// Something that is not supported.
    Other,
}

impl Place {
    pub(crate) fn of(uri: &str) -> Self {
        match uri.split_once("://") {
            None => Self::Folder,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("file") => Self::Folder,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("s3") => Self::S3,
            Some(_) => Self::Other,
        }
    }
}
