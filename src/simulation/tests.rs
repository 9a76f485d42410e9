use super::*;

fn options(seed: u64) -> Options {
    Options {
        seed,
        lines: Lines::Kept,
        planted: None,
    }
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let first = run(options(1)).unwrap();
    let again = run(options(1)).unwrap();
    let other = run(options(2)).unwrap();
    let differs = first.lines.iter().zip(&again.lines).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_eq!(first.hash, again.hash);
    assert_ne!(first.hash, other.hash);
}
