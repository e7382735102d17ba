use super::*;
use proptest::prelude::*;

/// Every match that a finder gives on a line, one behind the other.
fn all(mut find: impl FnMut(usize) -> Option<(usize, usize)>) -> Vec<(usize, usize)> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some((start, end)) = find(from) {
        found.push((start, end));
        from = end;
    }
    found
}

/// The patterns with their scanners: the seven, then loghub's.
fn pairs() -> Vec<(&'static str, Scanner)> {
    KNOWN.iter().map(|(pattern, _, scanner)| (*pattern, *scanner)).chain(LOGHUB).collect()
}

fn agree(known: usize, line: &str) -> Result<(), TestCaseError> {
    let (pattern, scanner) = pairs()[known];
    thread_local! {
        static ENGINES: Vec<fancy_regex::Regex> =
            pairs().iter().map(|(pattern, _)| fancy_regex::Regex::new(pattern).unwrap()).collect();
    }
    let mut gave_up = false;
    let expected = ENGINES.with(|engines| {
        all(|from| {
            let found = engines[known].find_from_pos(line, from).unwrap_or_else(|_| {
                gave_up = true;
                None
            });
            found.map(|found| (found.start(), found.end()))
        })
    });
    if gave_up {
        return Err(TestCaseError::reject("the engine backtracks without end, so it says nothing about this line"));
    }
    let scanned = all(|from| scanner(line.as_bytes(), from));
    prop_assert_eq!(scanned, expected, "{} in {:?}", pattern, line);
    Ok(())
}

macro_rules! agrees {
    ($($test:ident: $known:literal in $line:literal),* $(,)?) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(2000))]
            $(#[test]
            fn $test(line in $line) {
                agree($known, &line)?;
            })*
        }
    };
}

agrees! {
    id: 0 in "([0-9a-fAg]{1,3}[:: .]){0,9}[0-9a-fg]{0,3}",
    ip: 1 in "([0-9]{1,4}[....:a -]){0,9}[0-9]{0,4}",
    seq_lower: 2 in "([0-9a-f]{5,13}( |  |x|X|-|)){0,7}[a-g]{0,3}",
    seq_upper: 3 in "([0-9A-F]{3,5}( |  |x|-|)){0,9}([0-9A-F]{4}){0,4}[A-G]{0,3}",
    hex: 4 in "(0x|0|x|[0-9a-gA-G]{1,3}| |-){0,12}",
    num: 5 in "([0-9]{1,3}|[-+]|a| ){0,12}",
    address: 7 in "([0-9]{1,3}[...:a ]){0,12}[0-9]{0,3}",
    address_with_port: 8 in "([0-9]{1,3}[...:a ]){0,12}[0-9]{0,3}",
    list_of_addresses: 9 in "([0-9]{1,3}[...,:a ]){0,16}[0-9]{0,3}",
    digits: 10 in "([0-9]{1,3}|[a. ]){0,12}",
    block: 11 in "(blk_|blk|-|[0-9]{1,3}|[a_ ]){0,12}",
    path: 12 in "(/|a| |\t|\n|\u{b}){0,14}",
    cmd: 6 in "(executed cmd |\"|x| |\n|executed cmd \"){0,9}",
}

proptest! {
    #[test]
    fn any_line(line in "[ -~]{0,80}") {
        for known in 0..pairs().len() {
            agree(known, &line)?;
        }
    }
}
