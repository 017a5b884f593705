//! The data folder: locked by one process, with the secrets that it made for itself.

use anyhow::{Context, Result, anyhow};
use palavra_vault::KeyRing;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A data folder that this process holds; it is free again when this and its clones are dropped.
#[derive(Clone)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: Arc<File>,
}

/// What `secrets.toml` holds, each as the setting of the same name is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    pub(crate) jwt_keys: String,
    pub(crate) master_keys: String,
}

impl DataDir {
    /// Makes the folder if it is not there, for its owner only, and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self> {
        Self::lock_if_free(path)?.ok_or_else(|| {
            anyhow!(
                "another palavra process uses the data folder {}: stop it, or name another folder with PALAVRA__DATA_DIR",
                path.display()
            )
        })
    }

    /// The same; `None` when another process has locked it.
    pub(crate) fn lock_if_free(path: &Path) -> Result<Option<Self>> {
        let told = path.display();
        if !path.exists() {
            fs::create_dir_all(path).with_context(|| format!("cannot make the data folder {told} (data_dir)"))?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                .with_context(|| format!("cannot close the data folder {told} to others"))?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("palavra.lock"))
            .with_context(|| format!("cannot write in the data folder {told} (data_dir)"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { path: path.to_owned(), _lock: Arc::new(lock) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock the data folder {told}"))
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `path` is this folder.
    pub(crate) fn is(&self, path: &Path) -> bool {
        matches!((self.path.canonicalize(), path.canonicalize()), (Ok(own), Ok(other)) if own == other)
    }

    fn secrets_file(&self) -> PathBuf {
        self.path.join("secrets.toml")
    }

    /// The secrets of this folder; made, with mode 0600, when there are none.
    pub(crate) fn secrets(&self) -> Result<Secrets> {
        self.made_secrets()?.map_or_else(|| self.make_secrets(), Ok)
    }

    /// The secrets of this folder, if some were made.
    pub(crate) fn made_secrets(&self) -> Result<Option<Secrets>> {
        let path = self.secrets_file();
        match fs::read_to_string(&path) {
            Ok(text) => {
                // The parser's message would quote the line, which is a secret.
                toml::from_str(&text).map(Some).map_err(|_| {
                    anyhow!(
                        "{} is not what palavra wrote: restore it from a backup; without it users' API keys cannot be opened",
                        path.display()
                    )
                })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn make_secrets(&self) -> Result<Secrets> {
        let path = &self.secrets_file();
        let key = || -> Result<String> { Ok(KeyRing::generate("k1")?.to_settings().expose_secret().to_owned()) };
        let secrets = Secrets { jwt_keys: key()?, master_keys: key()? };
        let text = toml::to_string(&secrets).context("cannot write the secrets")?;
        // Written aside and renamed, so that a crash never leaves half a file.
        let aside = self.path.join("secrets.toml.new");
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&aside)?;
            file.write_all(b"# Keep a copy of this file: without it users' API keys cannot be opened.\n")?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&aside, path)?;
            File::open(&self.path)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        tracing::info!(path = %path.display(), "made new secrets; keep a copy of this file");
        Ok(secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_once_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::lock(&folder.path().join("data")).unwrap();
        let first = data.secrets().unwrap();
        let again = data.secrets().unwrap();
        assert_eq!(first.jwt_keys, again.jwt_keys);
        assert_ne!(first.jwt_keys, first.master_keys);
        let mode = fs::metadata(data.path().join("secrets.toml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_folder_has_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataDir::lock(folder.path()).unwrap();
        let error = DataDir::lock(folder.path()).err().unwrap().to_string();
        assert!(error.contains("PALAVRA__DATA_DIR"), "{error}");
        drop(held);
        DataDir::lock(folder.path()).unwrap();
    }

    #[test]
    fn broken_secrets_are_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::lock(folder.path()).unwrap();
        fs::write(folder.path().join("secrets.toml"), "jwt_keys = canary").unwrap();
        let error = format!("{:#}", data.secrets().err().unwrap());
        assert!(!error.contains("canary"), "{error}");
    }
}
