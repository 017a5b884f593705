//! A server that lets nobody in.

use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A server that asks for a password in the clear, and then refuses with a SQLSTATE.
pub(crate) async fn refusing(code: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            // It has no TLS.
            let _ = client.read(&mut buffer).await;
            let _ = client.write_all(b"N").await;
            let _ = client.read(&mut buffer).await;
            let _ = client.write_all(b"R\0\0\0\x08\0\0\0\x03").await;
            let _ = client.read(&mut buffer).await;
            let fields = format!("SFATAL\0VFATAL\0C{code}\0Mnot today\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap();
            let answer = [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat();
            let _ = client.write_all(&answer).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    port
}
