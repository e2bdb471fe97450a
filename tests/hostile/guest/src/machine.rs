//! What the plugin does to its sandbox.

use std::hint::black_box;
use std::time::Duration;

use tidegate_router_sdk::Problem;

use crate::curious;

/// Ends the call in its own way, or does what must have no effect.
pub(crate) fn misbehave(how: &str) -> Result<(), Problem> {
    match how {
        "panic" => panic!("no weight is good enough"),
        "exit" => std::process::exit(0),
        "abort" => std::process::abort(),
        "deep-frames" => drop(black_box(deeper(1))),
        "growth" => grow(),
        "one-allocation" => drop(black_box(Vec::<u8>::with_capacity(1 << 30))),
        "chatter-for-ever" => loop {
            eprintln!("and another thing: \u{1b}[2J");
        },
        "problem-of-a-megabyte" => {
            let message = "\u{1b}[31mno \u{202e}".repeat(100_000);
            return Err(Problem::new("made up \u{7} code".repeat(100), message));
        }
        "problem-later" if curious::count() > 0 => {
            return Err(Problem::unsupported("this plugin does not support what it did"));
        }
        "sleep" => std::thread::sleep(Duration::from_hours(1)),
        "chatter" => (0..1_000).for_each(|number| eprintln!("{number} is a fine number")),
        "files" => {
            let read = std::fs::read("/proc/self/environ").is_ok() || std::fs::read_dir("/").is_ok();
            assert!(!read && std::fs::write("/tmp/hostile", "hello").is_err(), "there are files");
        }
        "threads" => assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "there are threads"),
        "input" => {
            let read = std::io::stdin().lines().count();
            assert_eq!(read, 0, "there is an input");
        }
        _ => {}
    }
    Ok(())
}

fn deeper(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    let frame = black_box([depth; 16]);
    let below = deeper(black_box(depth + 1));
    frame.iter().fold(below, |sum, number| sum.wrapping_add(*number))
}

fn grow() {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1_u8; 64 << 10]));
    }
}
