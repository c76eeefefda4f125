//! Authorities, certificates and keys, made by openssl, in a folder that is gone when this is dropped.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::folder::TestFolder;

/// What stands in the way of all certificates for this machine.
pub const OURS: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1";

pub struct Pki(TestFolder);

/// A client's side of TLS, which believes the authority in this file.
pub fn believer(authority: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority).expect("an authority");
    roots.add(authority).expect("added");
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl Pki {
    /// With an authority, `ca`.
    pub fn new() -> Self {
        let pki = Self(TestFolder::new("pki"));
        pki.authority("ca");
        pki
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.file(name)
    }

    /// The path as a text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file that its owner only can read.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("written");
        self.change_mode(name, 0o600);
        path
    }

    pub fn change_mode(&self, name: &str, mode: u32) {
        let permissions = Permissions::from_mode(mode);
        fs::set_permissions(self.path(name), permissions).expect("changed");
    }

    /// Puts a file in the place of another at one stroke.
    pub fn put(&self, new: &str, old: &str) {
        fs::rename(self.path(new), self.path(old)).expect("renamed");
    }

    pub fn copy(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).expect("copied");
    }

    /// `NAME.pem` and `NAME.key`, of an authority.
    pub fn authority(&self, name: &str) {
        let subject = format!("/CN={name}");
        let (key, out) = (format!("{name}.key"), format!("{name}.pem"));
        self.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &out,
        ]);
    }

    /// `NAME.pem` and `NAME.key`, of ECDSA, signed by that authority; with these extensions, a line each.
    pub fn certificate(&self, name: &str, authority: &str, extensions: &str, days: i32) {
        let curve = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        self.signed(name, authority, extensions, days, &curve);
    }

    /// The same, of RSA.
    pub fn rsa(&self, name: &str, authority: &str, extensions: &str, bits: u32) {
        self.signed(name, authority, extensions, 30, &[&format!("rsa:{bits}")]);
    }

    fn signed(&self, name: &str, authority: &str, extensions: &str, days: i32, key: &[&str]) {
        let subject = format!("/CN={name}");
        let (key_file, request) = (format!("{name}.key"), format!("{name}.csr"));
        let mut command = vec!["req", "-new", "-newkey"];
        command.extend(key);
        command.extend([
            "-nodes", "-subj", &subject, "-keyout", &key_file, "-out", &request,
        ]);
        self.openssl(&command);
        let extension_file = format!("{name}.ext");
        let text = format!("basicConstraints=critical,CA:FALSE\n{extensions}\n");
        self.write(&extension_file, &text);
        let (out, days) = (format!("{name}.pem"), days.to_string());
        let (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}.key"));
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-days",
            &days,
            "-extfile",
            &extension_file,
            "-out",
            &out,
        ]);
    }

    /// Runs openssl in the folder; it must succeed.
    #[track_caller]
    pub fn openssl(&self, arguments: &[&str]) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new("openssl")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("openssl runs: run ./scripts/test packages");
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "openssl {arguments:?}: {said}");
        String::from_utf8_lossy(&stdout).into_owned()
    }
}
