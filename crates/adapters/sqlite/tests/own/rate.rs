use super::*;
pub(super) async fn rate(folder: &Path) {
    for (sync, callers) in [(Synchronous::Full, 1usize), (Synchronous::Full, 32), (Synchronous::Normal, 1), (Synchronous::Normal, 32)] {
        let path = std::path::PathBuf::from(format!("/work/main/../rate-{callers}-{sync:?}.db"));
        let path = if std::env::var("RATE_DIR").is_ok() { std::path::PathBuf::from(std::env::var("RATE_DIR").unwrap()).join(format!("{callers}{sync:?}.db")) } else { let _ = path; folder.join(format!("{callers}{sync:?}.db")) };
        let store = SqliteStore::open(&path, SqliteOptions { synchronous: sync, ..Default::default() }).await.unwrap();
        let start = Instant::now();
        let tasks: Vec<_> = (0..callers).map(|_| { let chats = store.chats(); tokio::spawn(async move {
            let owner = user_id(); let first = chat_of(&chats, owner, 1).await; let mut n = 0u32;
            while start.elapsed() < Duration::from_secs(4) { answered(&chats, &begin_in(owner, first[0].chat_id)).await; n += 1; } n }) }).collect();
        let mut n = 0; for t in tasks { n += t.await.unwrap(); }
        let s = start.elapsed().as_secs_f64();
        println!("{sync:?} {callers}: {:.0}/s begin+settle", f64::from(n) / s);
    }
    let store = open(folder).await; let (chats, owner) = (store.chats(), user_id());
    for count in [10usize, 10_000] {
        let first = answered(&chats, &begin_new(owner)).await.chat_id;
        for _ in 1..count { answered(&chats, &begin_in(owner, first)).await; }
        let mut v: Vec<_> = Vec::new();
        for _ in 0..400 { let t = Instant::now(); let p = chats.list_turns(owner, first, None, 10).await.unwrap(); assert_eq!(p.items.len(), 10); v.push(t.elapsed()); }
        v.sort(); println!("page of chat of {count}: p50 {:?}", v[200]);
        let mut v: Vec<_> = Vec::new();
        for _ in 0..400 { let t = Instant::now(); let p = chats.recent_exchanges(owner, first, u32::MAX, 10).await.unwrap(); assert_eq!(p.len(), 10); v.push(t.elapsed()); }
        v.sort(); println!("recent of chat of {count}: p50 {:?}", v[200]);
    }
}
