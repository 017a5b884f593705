use palavra_contracts::samples::*;
use palavra_domain::{EmbeddedMemory, EmbeddingSpace, ports::MemoryRepository as _};
use palavra_lancedb::*;
use std::time::*;
fn med(mut v: Vec<Duration>) -> (Duration, Duration) {
    v.sort();
    (v[v.len() / 2], v[v.len() * 95 / 100])
}
pub(crate) async fn timings() {
    let f = tempfile::tempdir().unwrap();
    let dims = 384;
    let r = std::sync::Arc::new(
        LanceDbMemoryRepository::open(LanceDbOptions::new(
            f.path().to_str().unwrap(),
            EmbeddingSpace { model: "m".into(), dimensions: dims },
        ))
        .await
        .unwrap(),
    );
    let users: Vec<_> = (0..100).map(|_| user_id()).collect();
    let t = Instant::now();
    for c in 0..10 {
        r.insert(
            users
                .iter()
                .flat_map(|u| {
                    (0..10).map(move |i| embedded(*u, &format!("memory number {c} {i}"), dims, (c * 10 + i) as f32))
                })
                .collect(),
        )
        .await
        .unwrap();
    }
    println!("10 x 1000 rows: {:?}", t.elapsed());
    let phase = |name: &'static str| {
        let r = r.clone();
        let users = users.clone();
        async move {
            let mut ins = vec![];
            let mut se = vec![];
            let mut li = vec![];
            let mut fi = vec![];
            let mut up = vec![];
            let mut de = vec![];
            let mut ha = vec![];
            for i in 0..60 {
                let u = users[i % 100];
                let m = embedded(u, "single", dims, 3.0);
                let t = Instant::now();
                r.insert(vec![m.clone()]).await.unwrap();
                ins.push(t.elapsed());
                let t = Instant::now();
                r.search(u, &vector(dims, 10.0), 8, 0.2).await.unwrap();
                se.push(t.elapsed());
                let t = Instant::now();
                r.list(u, None, 20).await.unwrap();
                li.push(t.elapsed());
                let t = Instant::now();
                r.find(u, m.memory.id).await.unwrap();
                fi.push(t.elapsed());
                let t = Instant::now();
                r.has_any(user_id()).await.unwrap();
                ha.push(t.elapsed());
                if i % 6 == 0 {
                    let t = Instant::now();
                    r.update(m.clone()).await.unwrap();
                    up.push(t.elapsed());
                    let t = Instant::now();
                    r.delete(u, m.memory.id).await.unwrap();
                    de.push(t.elapsed());
                }
            }
            println!(
                "{name}: p50,p95 insert {:?} search {:?} list {:?} find {:?} has_any(miss) {:?} update {:?} delete {:?}",
                med(ins),
                med(se),
                med(li),
                med(fi),
                med(ha),
                med(up),
                med(de)
            );
        }
    };
    phase("first").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    phase("second").await;
    let t = Instant::now();
    let calls: Vec<_> = (0..500)
        .map(|i| {
            let (r, u) = (r.clone(), users[i % 100]);
            tokio::spawn(async move { r.insert(vec![embedded(u, "x", dims, 1.0)]).await.unwrap() })
        })
        .collect();
    for c in calls {
        c.await.unwrap();
    }
    println!("500 concurrent single inserts: {:?}", t.elapsed());
    let t = Instant::now();
    let calls: Vec<_> = (0..200)
        .map(|i| {
            let (r, u) = (r.clone(), users[i % 100]);
            tokio::spawn(async move { r.search(u, &vector(dims, 10.0), 8, 0.2).await.unwrap() })
        })
        .collect();
    for c in calls {
        c.await.unwrap();
    }
    println!("200 concurrent searches: {:?}", t.elapsed());
    let _ = EmbeddedMemory { memory: memory(users[0], "x"), vector: vec![] };
}
