//! The JSON schema of scenario files says what the reader takes: the same keys, the same kinds of values, the same words.

use std::collections::{BTreeMap, BTreeSet};

use boon::{Compiler, SchemaIndex, Schemas};
use clap::CommandFactory as _;
use serde_json::{Value, json};

use super::*;
use crate::dhcp::Device;
use crate::fault::Aim;
use crate::scenario::Mistake;
use lanherd_types::ipv6::{AddressFormation, DhcpUse, IdentifierKind, SolicitationPolicy};

struct ScenarioSchema {
    source: Value,
    schemas: Schemas,
    index: SchemaIndex,
}

impl ScenarioSchema {
    fn new() -> Self {
        let source: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        let id = source["$id"].as_str().expect("an $id").to_owned();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        let resource = compiler.add_resource(&id, source.clone());
        resource.expect("a resource");
        let index = compiler.compile(&id, &mut schemas).expect("a valid schema");
        Self {
            source,
            schemas,
            index,
        }
    }

    fn refusal(&self, text: &str) -> Option<String> {
        let value: Value = toml::from_str(text).expect("TOML");
        let checked = self.schemas.validate(&value, self.index);
        checked.err().map(|error| format!("{error:#}"))
    }

    fn accepts(&self, text: &str) -> bool {
        let value: Value = toml::from_str(text).expect("TOML");
        self.schemas.validate(&value, self.index).is_ok()
    }
}

/// A table of a scenario file: its place in the schema, and a file in which one of its keys stands where KEY is.
struct Table {
    pointer: &'static str,
    file: &'static str,
}

impl Table {
    /// A file with that line, among what it needs to be one.
    fn file(&self, line: &str) -> String {
        let key = line.split(" = ").next().unwrap_or_default();
        let beside = |other: &&str| !other.starts_with(&format!("{key} = "));
        let lines = self.file.lines().filter(beside);
        let lines = lines.map(|other| if other == "KEY" { line } else { other });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The same, with what is needed for that very key.
    fn file_for(&self, key: &str, value: &str) -> String {
        let text = self.file(&format!("{key} = {value}"));
        match (self.pointer, key) {
            ("", "parent") => text.replacen("lab = true", "", 1),
            ("", "lab-ipv6") => format!("family = 'dual'\n{text}"),
            ("", "metrics-per-client") => format!("metrics = '127.0.0.1:1'\n{text}"),
            ("", "clients") => format!("{text}\n[[group]]\nname = 'tv'\nclients = 1"),
            _ => text,
        }
    }
}

/// All of them but that of an option's bytes, which the reader also takes as a text.
const TABLES: [Table; 11] = [
    Table {
        pointer: "",
        file: "lab = true\nclients = 1\nKEY\n",
    },
    Table {
        pointer: "/definitions/group",
        file: "lab = true\n[[group]]\nname = 'tv'\nclients = 1\nKEY\n",
    },
    Table {
        pointer: "/definitions/soak",
        file: "lab = true\nclients = 9\n[soak]\nKEY\n",
    },
    Table {
        pointer: "/definitions/chaos",
        file: "lab = true\nclients = 1\n[chaos]\nevery = '1h'\nKEY\n",
    },
    Table {
        pointer: "/definitions/chaos/properties/at/items",
        file: "lab = true\nclients = 1\n[[chaos.at]]\ntime = '5s'\nfault = 'crash'\nKEY\n",
    },
    Table {
        pointer: "/definitions/persona",
        file: "lab = true\nclients = 1\n[persona]\nKEY\n",
    },
    Table {
        pointer: "/definitions/persona/properties/vendor-options/items",
        file: "lab = true\nclients = 1\n[[persona.vendor-options]]\nenterprise = 1\nhex = ''\nKEY\n",
    },
    Table {
        pointer: "/definitions/ipv6Persona",
        file: "lab = true\nclients = 1\n[persona.ipv6]\nKEY\n",
    },
    Table {
        pointer: "/definitions/ipv6Persona/properties/vendor-class",
        file: "lab = true\nclients = 1\n[persona.ipv6.vendor-class]\nenterprise = 1\nKEY\n",
    },
    Table {
        pointer: "/definitions/labIpv6",
        file: "lab = true\nclients = 1\nfamily = 'dual'\n[lab-ipv6]\npreferred = '0s'\nKEY\n",
    },
    Table {
        pointer: "/definitions/labDhcp6",
        file: "lab = true\nclients = 1\nfamily = 'dual'\n[lab-ipv6.dhcp]\nKEY\n",
    },
];

/// The keys that the reader knows in a table: it names them where it is given another.
fn keys_of_the_reader(table: &Table) -> BTreeSet<String> {
    let refusal = toml::from_str::<Draft>(&table.file("nonsense = 1")).expect_err("refused");
    let message = refusal.message();
    let (unknown, known) = message.split_once("expected ").expect(message);
    assert!(unknown.contains("unknown field `nonsense`"), "{message}");
    let words = known.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// What is said of a key, where it refers to what is said elsewhere that.
fn meant<'a>(schema: &'a ScenarioSchema, about: &'a Value) -> &'a Value {
    let referred = about["allOf"][0]["$ref"].as_str();
    referred.map_or(about, |name| {
        let place = schema.source.pointer(name.trim_start_matches('#'));
        place.expect(name)
    })
}

fn properties<'a>(schema: &'a ScenarioSchema, table: &Table) -> &'a serde_json::Map<String, Value> {
    let place = schema.source.pointer(table.pointer).expect(table.pointer);
    place["properties"].as_object().expect("properties")
}

#[test]
fn it_has_every_key_that_the_reader_knows_and_no_other_each_with_what_it_means() {
    let schema = ScenarioSchema::new();
    for table in &TABLES {
        let described = properties(&schema, table);
        let keys: BTreeSet<String> = described.keys().cloned().collect();
        assert_eq!(keys, keys_of_the_reader(table), "{}", table.pointer);
        for (key, about) in described {
            let words = about["description"].as_str().unwrap_or_default();
            assert!(words.len() > 10, "{} {key}: {words:?}", table.pointer);
        }
    }
}

#[test]
fn a_key_that_is_none_is_refused_by_both() {
    let schema = ScenarioSchema::new();
    for table in &TABLES {
        let well = table.file("");
        assert_eq!(schema.refusal(&well), None, "{well}");
        assert!(Scenario::from_toml(&well).is_ok(), "{well}");
        let wrong = table.file("nonsense = 1");
        let said = schema.refusal(&wrong).expect("refused");
        assert!(said.contains("nonsense"), "{said}");
        let said = Scenario::from_toml(&wrong)
            .expect_err("refused")
            .to_string();
        assert!(said.contains("nonsense"), "{said}");
    }
}

/// Values of all kinds that scenario files have, and of some that they have not, as TOML.
const VALUES: &str = "true ; false ; 0 ; 1 ; -1 ; 2 ; 64 ; 65 ; 254 ; 255 ; 256 ; 575 ; 576 ; 65000 ; 65001 ; 65535 ; 65536 ; 4294967295 ; \
    4294967296 ; 1.5 ; '' ; 'x' ; 'eth0' ; 'a b' ; 'Phones' ; '1' ; '0' ; '0s' ; '5' ; '5s' ; '-1s' ; '500ms' ; \
    '1500ms' ; '1h 30m' ; '1h30m' ; '1.5h' ; '90 s' ; '5S' ; '2s-10s' ; '10s-2s' ; 'infinite' ; 'soon' ; '10/s' ; \
    '10/m' ; '0.5/m' ; '0/s' ; '10/h' ; '5%' ; '0%' ; '101%' ; '100%' ; 'any' ; '/56' ; '56' ; '65' ; 'dual' ; 'ipv4' ; \
    'both' ; 'bridge' ; 'public' ; 'stable' ; 'eui64' ; 'random' ; 'temporary' ; 'android' ; 'amiga' ; 'permanent' ; \
    'never' ; 'flags' ; 'three' ; 'high' ; 'crash' ; 'ping-loss' ; 'ping_loss' ; 'crash*3' ; 'frob' ; 'mac' ; 'llt' ; \
    '01:02' ; '01' ; 'zz:01' ; '01:02:' ; 'router' ; 'router:80' ; '8.8.8.8:53' ; 'http://www.lab.test/' ; \
    'www.lab.test' ; '127.0.0.1:4373' ; '[::1]:4373' ; ':4373' ; 'localhost:4373' ; '10.77.0.10-10.77.0.250' ; \
    '::1:0-::1:ffff' ; '2001:db8:77::/64' ; '2001:db8:77::/48' ; '2001:db8::1/64' ; '64:ff9b::/96' ; 'fd00:77::1' ; \
    'packet loss > 0.1 %' ; 'tv-{n}' ; [] ; [''] ; ['x'] ; [true] ; [0] ; [1] ; [1, 6] ; [1, 1] ; [254] ; [255] ; [256] ; \
    [65535] ; [65536] ; [-1] ; ['crash'] ; ['crash*3'] ; ['crash*0'] ; ['ping-loss'] ; ['ping_loss', 'dhcp-mute'] ; \
    ['router'] ; ['router:80'] ; ['8.8.8.8:53'] ; ['www.lab.test'] ; ['http://www.lab.test/'] ; ['packet loss > 0.1 %'] ; \
    ['packet loss'] ; ['2001:db8:77::/64'] ; ['2001:db8:77::/48'] ; ['fd00:77::1'] ; ['10.0.0.1'] ; [{}] ; {} ; \
    { a = 'b' } ; { a = 1 } ; { a = '' } ; { 7up = 'b' } ; { __a = 'b' } ; { _a = 'b' } ; { pool = 'b' } ; { 39 = 'x' } ; \
    { 39 = { hex = '01:02' } } ; { 39 = { hex = '1' } } ; { 39 = 1 } ; { 0 = 'x' } ; { 300 = 'x' } ; { 55 = 'x' } ; \
    { x = 'x' } ; [{ enterprise = 1, hex = '01' }] ; [{ enterprise = 1 }] ; { enterprise = 1 } ; { enterprise = -1 } ; \
    [{ name = 'tv', clients = 1 }] ; [{ name = 'tv' }] ; [{ name = 't v', clients = 1 }] ; \
    [{ time = '5s', fault = 'crash' }] ; [{ time = '5s' }]";

/// Keys of which the schema lets more through than the reader: what they have is a language of its own, or is bounded by more than a
/// pattern can say.
const LAXER: [(&str, &str); 8] = [
    (
        "languages of their own",
        "ping resolve fetch run-command connect stream fail-if",
    ),
    ("a rate of 0 is none", "join-rate churn vanish"),
    (
        "a millisecond, or a second, at least",
        "every timeout lease-timeout interval storm-every",
    ),
    (
        "whole seconds",
        "lab-lease preferred valid router-lifetime t1 t2 sol-max-rt inf-max-rt refresh",
    ),
    ("not zero, and the shorter first", "lasts"),
    (
        "addresses",
        "lab-range metrics range delegated delegated-length prefixes routes aliases",
    ),
    (
        "some options have keys of their own",
        "options option-order parameter-requests",
    ),
    (
        "bounded as a whole",
        "user-class vendor-class vendor-options hex",
    ),
];

/// Whether the reader takes the value of a key, whatever else it may find wrong with a file of little more than that.
fn is_read(text: &str) -> bool {
    let Ok(draft) = toml::from_str::<Draft>(text) else {
        return false;
    };
    let mistake = match draft.check() {
        Err(Mistake::Group { mistake, .. }) => Some(*mistake),
        other => other.err(),
    };
    !matches!(
        mistake,
        Some(
            Mistake::Persona(_)
                | Mistake::Label(_)
                | Mistake::LabFault(_)
                | Mistake::TooShort(..)
                | Mistake::NotToBeDone { .. }
        )
    )
}

#[test]
fn it_takes_of_every_key_the_kinds_of_values_that_the_reader_takes() {
    let schema = ScenarioSchema::new();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut apart = Vec::new();
    for table in &TABLES {
        for key in keys_of_the_reader(table) {
            // A struct of serde's would be read from a list of its fields, too, which nobody is told.
            let is_table = meant(&schema, &properties(&schema, table)[&key])["type"] == "object";
            let values = VALUES.split(" ; ").map(str::trim);
            for value in values.filter(|value| !(is_table && value.starts_with('['))) {
                let text = table.file_for(&key, value);
                let (is_read, is_accepted) = (is_read(&text), schema.accepts(&text));
                if is_read {
                    *taken.entry(format!("{} {key}", table.pointer)).or_default() += 1;
                }
                let is_laxer = LAXER
                    .iter()
                    .any(|(_, keys)| keys.split(' ').any(|it| it == key));
                if is_accepted != is_read && (is_read || !is_laxer) {
                    apart.push(format!("{text}\n{:?}", Scenario::from_toml(&text).err()));
                }
            }
        }
    }
    assert!(
        apart.is_empty(),
        "of these the reader and the schema say differently:\n\n{}",
        apart.join("\n\n")
    );
    // None of them was refused whatever it was given.
    let all = TABLES.iter().map(|table| keys_of_the_reader(table).len());
    assert_eq!(taken.len(), all.sum::<usize>(), "{taken:?}");
}

#[test]
fn its_words_are_those_of_the_program() {
    let schema = ScenarioSchema::new();
    let at = |pointer: &str| schema.source.pointer(pointer).expect(pointer).clone();
    let of = |key: &str| at(&format!("/properties/{key}/enum"));
    let words = |all: Vec<&str>| json!(all);
    assert_eq!(
        of("family"),
        words(Families::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        of("mode"),
        words(MacvlanMode::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        of("restart"),
        words(Restart::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        of("device"),
        words(Device::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        of("ipv6-addresses"),
        words(
            AddressFormation::ALL
                .iter()
                .map(|word| word.as_str())
                .collect()
        )
    );
    let persona = |key: &str| at(&format!("/definitions/ipv6Persona/properties/{key}/enum"));
    assert_eq!(
        persona("dhcp"),
        words(DhcpUse::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        persona("identifiers"),
        words(
            IdentifierKind::ALL
                .iter()
                .map(|word| word.as_str())
                .collect()
        )
    );
    assert_eq!(
        persona("solicitations"),
        words(
            SolicitationPolicy::ALL
                .iter()
                .map(|word| word.as_str())
                .collect()
        )
    );
    // Faults have dashes or underscores.
    let faults = |aims: &[Aim]| {
        let all = Fault::ALL
            .iter()
            .filter(|fault| aims.contains(&fault.aim()));
        let all: Vec<&str> = all.map(|fault| fault.as_str()).collect();
        let with_dashes = all.iter().map(|word| word.replace('_', "-"));
        let with_underscores = all.iter().filter(|word| word.contains('_'));
        let all: Vec<String> = with_dashes
            .chain(with_underscores.map(|word| (*word).to_owned()))
            .collect();
        json!(all)
    };
    assert_eq!(
        at("/definitions/fault/enum"),
        faults(&[Aim::Client, Aim::Parent, Aim::Router])
    );
    assert_eq!(at("/definitions/routerFault/enum"), faults(&[Aim::Router]));
    let most = crate::pool::MAX_CLIENTS;
    assert_eq!(at("/definitions/clientCount/maximum"), json!(most));
    assert_eq!(at("/properties/pool/maxLength"), json!(PoolName::MAX_LEN));
    assert_eq!(
        at("/definitions/labels/maxProperties"),
        json!(RunLabels::MOST)
    );
}

#[test]
fn what_it_says_of_an_option_is_what_the_help_says() {
    #[derive(Debug, clap::Parser)]
    struct SoakOptions {
        #[command(flatten)]
        draft: SoakDraft,
    }
    let schema = ScenarioSchema::new();
    let mut compared = 0;
    for (command, pointer) in [
        (Up::command(), ""),
        (SoakOptions::command(), "/definitions/soak"),
    ] {
        let properties = &schema.source.pointer(pointer).expect(pointer)["properties"];
        for option in command.get_arguments() {
            let Some(name) = option.get_long().filter(|name| *name != "help") else {
                continue;
            };
            let help = option.get_help().expect("help").to_string();
            let help = help.replace("; may be given again", "");
            // Of chaos the text of the option is a line, and that of the file a table.
            let (help, _) = match name {
                "chaos" => help.split_once(", as ").expect("an example"),
                _ => (help.as_str(), ""),
            };
            let said = properties[name]["description"].as_str().unwrap_or_default();
            assert!(said.starts_with(help), "{name}:\n{said}\n{help}");
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn what_it_gives_as_an_example_is_read() {
    let schema = ScenarioSchema::new();
    let mut read = 0;
    for table in &TABLES {
        for (key, about) in properties(&schema, table) {
            let is_list = about["type"] == "array";
            let about = if is_list { &about["items"] } else { about };
            let examples = meant(&schema, about)["examples"].as_array();
            for example in examples.into_iter().flatten() {
                // JSON's texts and numbers are TOML's.
                let value = if is_list {
                    format!("[{example}]")
                } else {
                    example.to_string()
                };
                let text = table
                    .file_for(key, &value)
                    .replacen("clients = 1", "clients = 5", 1);
                assert!(is_read(&text), "{text}");
                assert_eq!(schema.refusal(&text), None, "{text}");
                read += 1;
            }
        }
    }
    assert!(read > 50, "{read}");
}

#[test]
fn a_place_and_clients_are_needed_and_a_key_that_needs_another_is_not_alone() {
    let schema = ScenarioSchema::new();
    for (text, is_well) in [
        ("lab = true\nclients = 1\n", true),
        ("parent = 'eth0'\nclients = 1\n", true),
        (
            "parent = 'eth0'\n[[group]]\nname = 'tv'\nclients = 1\n",
            true,
        ),
        ("clients = 1\n", false),
        ("lab = true\n", false),
        ("", false),
        ("parent = 'eth0'\nclients = 1\nlab-lease = '1h'\n", false),
        (
            "parent = 'eth0'\nclients = 1\nlab-range = '10.0.0.2-10.0.0.9'\n",
            false,
        ),
        (
            "parent = 'eth0'\nclients = 1\nlab-fault = ['ping-loss']\n",
            false,
        ),
        (
            "parent = 'eth0'\nclients = 1\nfamily = 'dual'\nlab-ipv6 = {}\n",
            false,
        ),
        (
            "lab = true\nclients = 1\nmetrics-per-client = true\n",
            false,
        ),
        (
            "lab = true\nclients = 1\nfamily = 'dual'\nfamilies = 'dual'\n",
            false,
        ),
        ("lab = true\nclients = 1\nlabel = {}\nlabels = {}\n", false),
        ("lab = true\n[[group]]\nclients = 1\n", false),
        ("lab = true\n[[group]]\nname = 'tv'\n", false),
        ("lab = true\nclients = 1\nlab-fault = ['crash']\n", false),
    ] {
        assert_eq!(
            schema.accepts(text),
            is_well,
            "{text}{:?}",
            schema.refusal(text)
        );
        assert_eq!(
            Scenario::from_toml(text).is_ok(),
            is_well,
            "{text}{:?}",
            Scenario::from_toml(text)
        );
    }
}

/// The blocks of TOML of a page.
fn blocks(page: &str) -> impl Iterator<Item = &str> {
    let parts = page.split("```toml\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default())
}

#[test]
fn the_examples_of_the_repository_and_of_its_pages_are_valid() {
    let schema = ScenarioSchema::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a file");
    let files = |folder: &str, ending: &str| {
        let entries = std::fs::read_dir(root.join(folder)).expect(folder);
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let paths = paths.filter(|path| path.extension().is_some_and(|it| it == ending));
        paths.collect::<Vec<_>>()
    };
    let examples = files("examples", "toml");
    assert!(!examples.is_empty());
    for path in &examples {
        let text = read(path);
        // The first line of each names the schema, so that an editor finds it from there.
        let first = text.lines().next().unwrap_or_default();
        let named = first
            .strip_prefix("#:schema ")
            .expect("a schema in the first line");
        let named = path.with_file_name(named);
        assert_eq!(read(&named), SCHEMA, "{}", path.display());
        assert_eq!(schema.refusal(&text), None, "{}", path.display());
        assert!(Scenario::from_toml(&text).is_ok(), "{}", path.display());
    }
    let mut of_pages = 0;
    for path in files("docs", "md") {
        let page = read(&path);
        // The requirements of RFCs are TOML, too.
        for block in blocks(&page).filter(|block| !block.contains("[[requirement]]")) {
            // A lab's own text has its IPv6 under another name; a part of a file is completed.
            let block = block.replace("[ipv6", "[lab-ipv6");
            let is_whole = block.contains("parent = ") || block.contains("lab = true");
            let beside = if is_whole {
                ""
            } else {
                "lab = true\nclients = 1\nfamily = 'dual'\n"
            };
            let text = format!("{beside}{block}");
            assert_eq!(schema.refusal(&text), None, "{}: {text}", path.display());
            let scenario = Scenario::from_toml(&text);
            assert!(scenario.is_ok(), "{}: {text}{scenario:?}", path.display());
            of_pages += 1;
        }
    }
    assert!(of_pages >= 5, "{of_pages}");
}
