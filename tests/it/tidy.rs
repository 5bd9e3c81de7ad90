//! The house rules, held by tests: what may know what, what things are called, and what never stands in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};
use queue::Job;

/// A file that is longer should be two; from here on it must be.
const LINES_MAX: usize = 500;
const LINES_WISHED: usize = 400;
/// A `main.rs` that is longer decides something.
const MAIN_LINES_MAX: usize = 60;

#[test]
fn arrows_only_point_down() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let place = |name: &str, path: &Path| -> Option<&'static str> {
        let folder = path.parent()?.parent()?.file_name()?.to_str()?;
        Some(match (folder, name) {
            ("functions", _) => "job",
            ("shared", "attempt" | "entrypoint") => "story",
            ("shared", "cleeng" | "gateways" | "ledger" | "queue") => "door",
            ("shared", "payment" | "settings" | "wire") => "ground",
            ("shared", _) => "unknown",
            _ => return None,
        })
    };
    let places: BTreeMap<&str, &str> = metadata
        .packages
        .iter()
        .filter_map(|package| {
            Some((package.name.as_str(), place(&package.name, package.manifest_path.as_std_path())?))
        })
        .collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let Some(here) = places.get(package.name.as_str()) else { continue };
        for needed in package.dependencies.iter().filter(|needed| needed.kind == DependencyKind::Normal) {
            let Some(there) = places.get(needed.name.as_str()) else { continue };
            let downwards = match *here {
                "job" => *there != "job",
                "story" => *there != "job",
                "door" => *there == "ground",
                _ => false,
            };
            if !downwards {
                wrong.push(format!("{} ({here}) -> {} ({there})", package.name, needed.name));
            }
        }
    }
    let unknown = places.iter().filter(|(_, place)| **place == "unknown");
    wrong
        .extend(unknown.map(|(name, _)| format!("{name} has no place in the house: give it one in tidy.rs")));
    nothing(
        &wrong,
        "Take what both need one floor down, or pass it in as a parameter (the map is in ARCHITECTURE.md):",
    );
}

#[test]
fn a_job_has_one_name_everywhere() {
    let jobs = folders("functions");
    assert!(!jobs.is_empty());
    let template = read("template.yaml");
    let blocks: BTreeSet<String> = template
        .lines()
        .filter_map(|line| line.trim().strip_prefix("BuildProperties: { Binary: ")?.strip_suffix(" }"))
        .map(str::to_owned)
        .collect();
    assert_eq!(blocks, jobs, "template.yaml has one block for each folder of functions/, and no other");
    assert_eq!(folders("events"), jobs, "events/ has one folder for each job, with what the job receives");
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let packages: BTreeSet<String> = metadata
        .packages
        .iter()
        .filter(|package| package.manifest_path.as_str().contains("/functions/"))
        .map(|package| package.name.to_string())
        .collect();
    assert_eq!(packages, jobs, "a package of functions/ has its folder's name");
    for package in metadata.packages.iter().filter(|package| jobs.contains(package.name.as_str())) {
        let binaries: Vec<_> = package.targets.iter().filter(|target| target.is_bin()).collect();
        assert!(
            binaries.len() == 1 && binaries[0].name == *package.name,
            "{} has one binary, of its own name",
            package.name
        );
    }
    for job in [Job::RecurringCapture, Job::Settlement, Job::Termination] {
        assert!(jobs.contains(job.as_str()), "queue::Job says {job:?}, and functions/ has no such folder");
    }
}

#[test]
fn a_message_among_the_sample_events_is_one_that_the_jobs_read() {
    let mut read_well = 0;
    let mut wrong = Vec::new();
    for job in [Job::RecurringCapture, Job::Settlement, Job::Termination] {
        for path in files(&root().join("events").join(job.as_str()), "json") {
            let event: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let bodies =
                event["Records"].as_array().unwrap().iter().map(|record| record["body"].as_str().unwrap());
            let unread = bodies.filter(|body| entrypoint::Message::from_text(body).is_err()).count();
            let told = path.file_stem().is_some_and(|stem| stem.to_string_lossy().contains("unreadable"));
            if unread != usize::from(told) {
                wrong.push(short(&path));
            }
            read_well += 1;
        }
    }
    assert!(read_well > 5);
    nothing(
        &wrong,
        "Bring these to the form of entrypoint::Message (or the other way round, and raise its `v`):",
    );
}

#[test]
fn every_file_opens_with_a_sentence_that_says_what_it_is() {
    let opens = |text: &str| {
        let first = text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_some_and(|sentence| sentence.split_whitespace().count() > 2)
    };
    nothing(
        &sources_where(&["."], |text| !opens(text)),
        "Write one `//!` sentence on the first line: what the file is for, not how:",
    );
}

#[test]
fn no_file_is_two() {
    let mut long = Vec::new();
    for path in files(&root(), "rs") {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        let is_main = path.ends_with("main.rs") && short(&path).starts_with("functions/");
        if lines > LINES_MAX || (is_main && lines > MAIN_LINES_MAX) {
            long.push(format!("{}: {lines} lines", short(&path)));
        } else if lines > LINES_WISHED {
            println!("{}: {lines} lines, is it one thing?", short(&path));
        }
    }
    nothing(&long, "Split by concern; a function's main.rs only reads settings and runs:");
}

#[test]
fn nothing_is_named_after_nothing() {
    const EMPTY: [&str; 12] = [
        "util",
        "utils",
        "common",
        "core",
        "helper",
        "helpers",
        "manager",
        "managers",
        "misc",
        "service",
        "services",
        "shared_types",
    ];
    let mut wrong = Vec::new();
    for path in files(&root(), "rs") {
        let inside = path.strip_prefix(root()).unwrap();
        for part in inside.components() {
            let name = part.as_os_str().to_string_lossy();
            if EMPTY.contains(&name.trim_end_matches(".rs")) {
                wrong.push(short(&path));
            }
        }
        for line in fs::read_to_string(&path).unwrap().lines().map(code) {
            let mut words = words(line).skip_while(|word| *word != "struct" && *word != "trait");
            if let (Some(_), Some(name)) = (words.next(), words.next())
                && ["Manager", "Helper", "Service"].iter().any(|end| name.ends_with(end))
            {
                wrong.push(format!("{}: {name}", short(&path)));
            }
        }
    }
    nothing(&wrong, "Name it by what it does; a free function is often all it is:");
}

#[test]
fn nothing_is_left_undone_or_silenced() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("HA", "CK:"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[al", "low("),
        concat!("#![al", "low("),
        concat!("#[ig", "nore"),
    ];
    nothing(
        &lines_where(&["."], |line| marks.iter().any(|mark| line.contains(mark))),
        "Do it, or open an issue; silence a lint only with `#[expect(…, reason = \"…\")]`:",
    );
}

#[test]
fn no_float_comes_near_money() {
    let floats = |line: &str| words(code(line)).any(|word| word == "f64" || word == "f32");
    nothing(
        &lines_where(&["shared", "functions"], floats),
        "Money is payment::Money (minor units) or a rust_decimal::Decimal:",
    );
}

#[test]
fn the_environment_is_read_in_one_place() {
    let reads = |line: &str| {
        let line = code(line);
        line.contains("std::env::var") || line.contains("env::var(") || line.contains("env::vars(")
    };
    let mut found = lines_where(&["shared", "functions", "local", "ops"], reads);
    found.retain(|line| !line.starts_with("shared/settings/"));
    nothing(&found, "Take a `settings::Settings`, whose errors name the variable:");
}

#[test]
fn a_story_knows_no_gateway_by_name() {
    let gateways = gateways();
    assert!(gateways.len() > 1);
    let mut wrong = Vec::new();
    for path in ["functions", "shared/attempt/src"].iter().flat_map(|place| files(&root().join(place), "rs"))
    {
        let inside = short(&path);
        if inside.ends_with("/main.rs") || inside.contains("/tests/") || inside.ends_with("/tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let told = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in told.lines().enumerate() {
            let line = code(line).to_lowercase();
            if gateways.iter().any(|gateway| line.contains(gateway.as_str())) {
                wrong.push(format!("{inside}:{}", number + 1));
            }
        }
    }
    nothing(&wrong, "Ask the `Gateway` trait, or put the difference into the adapter:");
}

#[test]
fn sibling_gateways_have_the_same_rooms() {
    for gateway in gateways() {
        for room in ["mod", "config", "client", "wire", "translate", "webhook"] {
            let path = root().join("shared/gateways/src").join(&gateway).join(room);
            assert!(
                path.with_extension("rs").exists() || path.is_dir(),
                "shared/gateways/src/{gateway}/{room}.rs is missing: whoever knows one gateway knows them all"
            );
        }
    }
}

#[test]
fn no_path_of_somebodys_machine_is_in_the_tree() {
    let places = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/tm", "p/"),
    ];
    let mut wrong = Vec::new();
    for kind in ["rs", "toml", "yaml", "yml", "json", "md", "py", "sh", "html", "js", "ts", "snap"] {
        for path in files(&root(), kind) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let found =
                text.lines().enumerate().filter(|(_, line)| places.iter().any(|place| line.contains(place)));
            wrong.extend(found.map(|(number, _)| format!("{}:{}", short(&path), number + 1)));
        }
    }
    nothing(&wrong, "Write it relative to the repository, or ask the system for a place:");
}

#[test]
fn no_snapshot_waits_for_a_decision() {
    let waiting: Vec<_> = [files(&root(), "new"), files(&root(), "pending-snap")]
        .concat()
        .iter()
        .map(|path| short(path))
        .collect();
    nothing(&waiting, "Accept or reject them with `cargo insta review`:");
}

/// The gateways there are, by the folders of their adapters.
fn gateways() -> BTreeSet<String> {
    folders("shared/gateways/src")
}

fn nothing(found: &[String], what_to_do: &str) {
    assert!(found.is_empty(), "{what_to_do}\n  {}", found.join("\n  "));
}

/// `path:line` of every line of code under these folders that is so.
fn lines_where(places: &[&str], is_so: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in places.iter().flat_map(|place| files(&root().join(place), "rs")) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let hits = text.lines().enumerate().filter(|(_, line)| is_so(line));
        found.extend(hits.map(|(number, _)| format!("{}:{}", short(&path), number + 1)));
    }
    found
}

fn sources_where(places: &[&str], is_so: impl Fn(&str) -> bool) -> Vec<String> {
    let all = places.iter().flat_map(|place| files(&root().join(place), "rs"));
    all.filter(|path| is_so(&fs::read_to_string(path).unwrap_or_default())).map(|path| short(&path)).collect()
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').filter(|word| !word.is_empty())
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().trim_start_matches("./").to_owned()
}

fn folders(place: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(place)).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// All files of a kind below a folder, without what is built, fetched or hidden.
fn files(place: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![place.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let theirs =
                name.starts_with('.') || ["target", "node_modules", "local-data"].contains(&name.as_str());
            if path.is_dir() && !theirs {
                open.push(path);
            } else if path.extension().is_some_and(|kind| kind == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
