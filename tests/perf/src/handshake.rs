//! What the first TLS handshake adds: the functions' own client, against a TLS peer of this machine, counted in a process of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Result;
use crate::counts::summary;
use crate::functions::example;

/// Instructions that the first request over TLS adds to a process that has its client ready.
pub(crate) fn instructions() -> Result<u64> {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = std::env::temp_dir().join(format!("perf-{}.der", std::process::id()));
    std::fs::write(&certificate, key.cert.der())?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("https://localhost:{}/", listener.local_addr()?.port());
    std::thread::spawn(move || serve(&listener, &Arc::new(server)));
    let client = example("wire", "handshake")?;
    let without = counted(&client, &certificate, &url, 0)?;
    let with = counted(&client, &certificate, &url, 1)?;
    std::fs::remove_file(&certificate)?;
    Ok(with.saturating_sub(without))
}

fn counted(client: &Path, certificate: &Path, url: &str, requests: usize) -> Result<u64> {
    let file = std::env::temp_dir().join(format!("perf-{}.handshake", std::process::id()));
    let done = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(client)
        .args([certificate.as_os_str(), url.as_ref()])
        .arg(requests.to_string())
        .status()?;
    if !done.success() {
        return Err("the counted client failed".into());
    }
    let counted = summary(&file);
    std::fs::remove_file(&file)?;
    counted
}

fn serve(listener: &TcpListener, config: &Arc<rustls::ServerConfig>) {
    for socket in listener.incoming().flatten() {
        // A client that breaks off is told by its own failure.
        let _ = answer(socket, config);
    }
}

fn answer(mut socket: TcpStream, config: &Arc<rustls::ServerConfig>) -> Result<()> {
    let mut connection = rustls::ServerConnection::new(config.clone())?;
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    let mut seen = [0; 4096];
    while stream.read(&mut seen)? > 0 {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK")?;
    }
    Ok(())
}
