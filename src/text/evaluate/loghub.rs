//! The eight systems of loghub that parsers are compared on, with the settings that its benchmark publishes for Drain.

use crate::text::drain::DrainSettings;
use crate::text::mask::MaskSpec;

/// One system.
#[derive(Copy, Clone, Debug)]
pub struct System {
    /// Its name, which its folder and its files have.
    pub name: &'static str,
    /// Its log format.
    pub format: &'static str,
    masks: &'static [&'static str],
    similarity: f64,
    depth: usize,
    /// Drain's grouping accuracy as published for its 2,000 lines.
    pub published: f64,
}

/// All systems.
pub const SYSTEMS: [System; 8] = [
    system(
        "HDFS",
        "<Date> <Time> <Pid> <Level> <Component>: <Content>",
        &[r"blk_-?\d+", r"(\d+\.){3}\d+(:\d+)?"],
        0.5,
        4,
        0.9975,
    ),
    system(
        "Hadoop",
        r"<Date> <Time> <Level> \[<Process>\] <Component>: <Content>",
        &[r"(\d+\.){3}\d+"],
        0.5,
        4,
        0.9475,
    ),
    system(
        "Zookeeper",
        r"<Date> <Time> - <Level>  \[<Node>:<Component>@<Id>\] - <Content>",
        &[r"(/|)(\d+\.){3}\d+(:\d+)?"],
        0.5,
        4,
        0.9665,
    ),
    system(
        "BGL",
        "<Label> <Timestamp> <Date> <Node> <Time> <NodeRepeat> <Type> <Component> <Level> <Content>",
        &[r"core\.\d+"],
        0.5,
        4,
        0.9625,
    ),
    system(
        "Linux",
        r"<Month> <Date> <Time> <Level> <Component>(\[<PID>\])?: <Content>",
        &[r"(\d+\.){3}\d+", r"\d{2}:\d{2}:\d{2}"],
        0.39,
        6,
        0.690,
    ),
    system("Apache", r"\[<Time>\] \[<Level>\] <Content>", &[r"(\d+\.){3}\d+"], 0.5, 4, 1.0),
    system(
        "OpenSSH",
        r"<Date> <Day> <Time> <Component> sshd\[<Pid>\]: <Content>",
        &[r"(\d+\.){3}\d+", r"([\w-]+\.){2,}[\w-]+"],
        0.6,
        5,
        0.7875,
    ),
    system(
        "OpenStack",
        r"<Logrecord> <Date> <Time> <Pid> <Level> <Component> \[<ADDR>\] <Content>",
        &[r"((\d+\.){3}\d+,?)+", r"/.+?\s", r"\d+"],
        0.5,
        5,
        0.7325,
    ),
];

const fn system(
    name: &'static str,
    format: &'static str,
    masks: &'static [&'static str],
    similarity: f64,
    depth: usize,
    published: f64,
) -> System {
    System { name, format, masks, similarity, depth, published }
}

impl System {
    /// The settings of the tree.
    pub fn settings(&self) -> DrainSettings {
        DrainSettings { similarity: self.similarity, depth: self.depth, ..DrainSettings::default() }
    }

    /// The masks, all of them named `*`.
    pub fn masks(&self) -> Vec<MaskSpec> {
        self.masks.iter().map(|mask| MaskSpec { regex_pattern: (*mask).into(), mask_with: "*".into() }).collect()
    }
}
