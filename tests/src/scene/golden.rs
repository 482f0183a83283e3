//! Plays scenes, in many orders, and compares their transcripts with what is kept.

use std::fmt::Write as _;
use std::path::PathBuf;

use mage_proto::Limits;

use super::Scene;

/// How many random orders of delivery each scene is played in, besides the first.
const ORDERS: u64 = 24;

/// Plays a scene among the nodes `labels` of one network, in many orders of delivery. `act` must see the same in all of
/// them. Then everything is closed, and nothing may be left.
pub fn play(labels: &[&str], act: impl Fn(&mut Scene)) {
    play_with(&Limits::default(), labels, act);
}

/// Plays a scene among nodes with other limits.
pub fn play_with(limits: &Limits, labels: &[&str], act: impl Fn(&mut Scene)) {
    play_all(ORDERS, limits, labels, act);
}

/// Plays a long scene in fewer orders.
pub fn play_in_orders(orders: u64, labels: &[&str], act: impl Fn(&mut Scene)) {
    play_all(orders, &Limits::default(), labels, act);
}

fn play_all(orders: u64, limits: &Limits, labels: &[&str], act: impl Fn(&mut Scene)) {
    for order in 0..=orders {
        let shown = Shown(order);
        let mut scene = Scene::network(labels, limits, order.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        act(&mut scene);
        scene.finish();
        drop(shown);
    }
}

/// Says which order failed.
struct Shown(u64);

impl Drop for Shown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the scene fails in order {}", self.0);
        }
    }
}

/// Plays a scene as [`play`] does; the transcript of its first order is `tests/scenes/<name>.txt`. With
/// `UPDATE_GOLDEN=1` in the environment that file is written instead of compared.
///
/// # Panics
///
/// When the transcript differs.
pub fn tell(name: &str, labels: &[&str], act: impl Fn(&mut Scene)) {
    let mut scene = Scene::network(labels, &Limits::default(), 0);
    scene.transcript = Some(Vec::new());
    act(&mut scene);
    let lines = scene.transcript.take().unwrap_or_default();
    let mut text = String::new();
    for line in &lines {
        writeln!(text, "{}", scene.names.resolve(line).trim_end()).expect("a string takes text");
    }
    scene.finish();
    compare(name, &text);
    play(labels, act);
}

fn compare(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenes").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the transcript can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{} differs (UPDATE_GOLDEN=1 rewrites it):\n{}", path.display(), diff(&kept, text));
}

/// The lines of both texts, those that differ marked: what is kept with `-`, what was played with `+`.
fn diff(kept: &str, played: &str) -> String {
    let (kept, played): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), played.lines().collect());
    let same = kept.iter().zip(&played).take_while(|(a, b)| a == b).count();
    let rest = kept[same..].iter().rev().zip(played[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut out = String::new();
    let mut lines =
        |mark: &str, lines: &[&str]| lines.iter().for_each(|line| out.push_str(&format!("{mark} {line}\n")));
    lines(" ", &kept[..same]);
    lines("-", &kept[same..kept.len() - rest]);
    lines("+", &played[same..played.len() - rest]);
    lines(" ", &kept[kept.len() - rest..]);
    out
}
