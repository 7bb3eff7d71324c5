use cync_sim::scenario::{Scenario, Work};
use cync_sim::world::{Options, run, run_traced};
fn main() {
    let name = std::env::args().nth(1).unwrap();
    let s = cync_tests::dozen::dozen().into_iter().find(|s| s.name == name).unwrap();
    let o = Options { record: true, ..Options::default() };
    let drawn = run(&s, o).unwrap();
    let e = Scenario {
        work: Work { ops: drawn.recording.ops.clone(), ..Work::default() },
        faults: drawn.recording.faults.clone(),
        chaos: vec![],
        ..s.clone()
    };
    let mut seen = std::collections::BTreeMap::new();
    for f in &drawn.recording.faults {
        if let cync_sim::Place::Packet(c) = f.place {
            if let Some(old) = seen.insert((c, f.what.kind()), f.what) {
                println!("twice {c:?} {old:?} {:?}", f.what);
            }
        }
    }
    let (mut a, mut b) = (vec![], vec![]);
    run_traced(&s, o, &mut a).unwrap();
    run_traced(&e, o, &mut b).unwrap();
    let (a, b) = (String::from_utf8(a).unwrap(), String::from_utf8(b).unwrap());
    let mut recent = std::collections::VecDeque::new();
    for (n, (x, y)) in a.lines().zip(b.lines()).enumerate().skip(1) {
        if x != y {
            for r in &recent {
                println!("  {r}");
            }
            println!("line {n}\n- {x}\n+ {y}");
            for (x, y) in a.lines().skip(n + 1).zip(b.lines().skip(n + 1)).take(8) {
                println!("- {x}\n+ {y}");
            }
            return;
        }
        recent.push_back(x);
        if recent.len() > 12 {
            recent.pop_front();
        }
    }
    println!(
        "same lines {} {}; outcome same {}",
        a.lines().count(),
        b.lines().count(),
        run(&e, o).unwrap() == drawn
    );
}
