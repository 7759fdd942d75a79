//! Measures the cost of commits: `commit_cost`. Needs Linux for CPU time and memory; run it in release mode.

use std::{error::Error, fs, time::Instant};

use serde_json::json;
use state::{CursorStore, Store, StoreOptions};

const IDS_A_PART: usize = 100;
const ID_BYTES: usize = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::TempDir::new()?;
    let store = Store::open(dir.path(), StoreOptions::default())?.store;
    println!("open                                         peak memory {}", peak_memory()?);
    commits_of_32_kib(&mut store.cursor("large"), 2_000).await?;
    println!(
        "                                             disk {} KiB, {}",
        disk_kib(&store)?,
        peak_memory()?
    );
    a_million_ids(&store).await?;
    store.close().await?;
    let start = Instant::now();
    Store::open(dir.path(), StoreOptions::default())?.store.close().await?;
    println!("open again and close                         {:?}, {}", start.elapsed(), peak_memory()?);
    Ok(())
}

/// Changes 32 KiB of parts per commit, of 512 KiB in the checkpoint.
async fn commits_of_32_kib(
    checkpoint: &mut CursorStore<serde_json::Value>,
    count: u64,
) -> Result<(), Box<dyn Error>> {
    let parts = (32 * 1024 / (IDS_A_PART * ID_BYTES)) as u64;
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    for number in 0..count {
        let part = |place: u64| {
            let key = ((number * parts + place) % (parts * 16)).to_be_bytes().to_vec();
            (key, Some(noise(number * parts + place, IDS_A_PART)))
        };
        checkpoint.commit(&json!({"settled": number}), (0..parts).map(part).collect()).await?;
    }
    report("commit with 32 KiB of parts", count, start, cpu)
}

/// Adds 100 new ids in each of 10,000 commits: the current part is rewritten until it is full.
async fn a_million_ids(store: &Store) -> Result<(), Box<dyn Error>> {
    let mut checkpoint = store.cursor("million");
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let commits = 10_000;
    for number in 0..commits {
        let (first, last) = (number * 100, number * 100 + 99);
        let ids_a_part = IDS_A_PART as u64;
        let parts = (first / ids_a_part..=last / ids_a_part).map(|chunk| {
            let ids = (last + 1 - chunk * ids_a_part).min(ids_a_part);
            (chunk.to_be_bytes().to_vec(), Some(noise(chunk, usize::try_from(ids).unwrap_or(IDS_A_PART))))
        });
        checkpoint.commit(&json!({"settled": number}), parts.collect()).await?;
    }
    report("commit with 100 new ids, to a million", commits, start, cpu)?;
    println!(
        "                                             disk {} KiB, {}",
        disk_kib(store)?,
        peak_memory()?
    );
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let parts = checkpoint.load().await?.map_or(0, |saved| saved.parts.len());
    report("load of a million ids", 1, start, cpu)?;
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    checkpoint.remove().await?;
    report("removal of a million ids", 1, start, cpu)?;
    println!(
        "                                             {parts} parts, disk {} KiB, {}",
        disk_kib(store)?,
        peak_memory()?
    );
    Ok(())
}

/// `ids` hashes that do not compress; a longer sequence begins with the shorter one.
fn noise(seed: u64, ids: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(ids * ID_BYTES);
    while bytes.len() < ids * ID_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_be_bytes());
    }
    bytes
}

fn report(what: &str, count: u64, start: Instant, cpu: f64) -> Result<(), Box<dyn Error>> {
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    println!(
        "{what:<44} {count:>6} times: wall {wall:.2} s ({:.0} us each), CPU {cpu:.2} s ({:.0} us each)",
        each(wall),
        each(cpu)
    );
    Ok(())
}

fn disk_kib(store: &Store) -> Result<u64, Box<dyn Error>> {
    Ok(store.size_bytes()? / 1024)
}

fn peak_memory() -> Result<String, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let lines = status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    Ok(lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", "))
}

/// User and system time of this process; the kernel counts in hundredths.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    Ok(fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0)
}
