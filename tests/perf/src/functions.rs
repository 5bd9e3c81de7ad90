//! The functions' own binaries: built here, as they are deployed or sooner, or taken from where somebody built them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::Result;

/// The seven functions.
pub(crate) const ALL: [&str; 7] = [
    "initial-purchase",
    "payment-details",
    "recurring-capture",
    "renewal-schedule",
    "settlement",
    "termination",
    "webhook-ingest",
];

/// How the functions are built.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// As they are deployed.
    Release,
    /// Without optimisation across crates: built in a fraction of the time, and the same instructions every time.
    Simulation,
}

/// Binaries by function.
pub(crate) struct Functions(BTreeMap<String, PathBuf>);

impl Functions {
    /// Builds these.
    pub(crate) fn build(names: &[&str], profile: Profile) -> Result<Self> {
        // One build serves both: cargo gives what it builds together the same features.
        let beside = match profile {
            Profile::Simulation => Some("simulation"),
            Profile::Release => None,
        };
        let packages = names.iter().copied().chain(beside).flat_map(|name| ["--package", name]);
        Ok(Self(built(profile, ["--bins"].into_iter().chain(packages))?))
    }

    /// Takes them from a folder, by name.
    pub(crate) fn from_folder(folder: &Path) -> Self {
        let known = |name: &&str| folder.join(name).is_file();
        let found = ALL.iter().filter(|name| known(name)).map(|name| ((*name).to_owned(), folder.join(name)));
        Self(found.collect())
    }

    /// One of them, where it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&Path> {
        self.0.get(name).map(PathBuf::as_path)
    }

    /// One that a measure cannot do without.
    pub(crate) fn needed(&self, name: &str) -> Result<&Path> {
        self.get(name).ok_or_else(|| format!("there is no binary of {name}").into())
    }
}

/// An example of a package, built in the release profile.
pub(crate) fn example(package: &str, name: &str) -> Result<PathBuf> {
    let mut found = built(Profile::Release, ["--package", package, "--example", name].into_iter())?;
    found.remove(name).ok_or_else(|| format!("there is no example {name}").into())
}

/// What cargo builds, by name.
fn built<'a>(profile: Profile, what: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, PathBuf>> {
    let mut cargo = Command::new(env!("CARGO"));
    // What was built bit by bit is laid out otherwise, and counts otherwise.
    cargo.env("CARGO_INCREMENTAL", "0");
    let profile = match profile {
        Profile::Release => "release",
        Profile::Simulation => "simulation",
    };
    cargo
        .args(["build", "--profile", profile, "--locked", "--message-format=json-render-diagnostics"])
        .args(what);
    let output = cargo.current_dir(root()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the functions do not build".into());
    }
    let mut found = BTreeMap::new();
    for message in cargo_metadata::Message::parse_stream(output.stdout.as_slice()) {
        if let cargo_metadata::Message::CompilerArtifact(artifact) = message?
            && let Some(executable) = artifact.executable
        {
            found.insert(artifact.target.name.clone(), executable.into_std_path_buf());
        }
    }
    Ok(found)
}

/// Bytes of the zip that is deployed: the binary deflated, and the container around it.
pub(crate) fn zip_bytes(binary: &Path) -> Result<u64> {
    const CONTAINER: u64 = 150;
    let mut deflated = DeflateEncoder::new(Counting(0), Compression::default());
    deflated.write_all(&std::fs::read(binary)?)?;
    Ok(deflated.finish()?.0 + CONTAINER)
}

struct Counting(u64);

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
