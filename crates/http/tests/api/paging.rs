//! Lists come in pages that stay as they are when something is added.

use crate::server::{Server, ok, problem, text, wrong_fields};
use serde_json::{Value, json};

/// A page of a list: one text of each item, and the cursor of the next page.
async fn page(server: &Server, token: &str, path: &str, list: &str, field: &str) -> (Vec<String>, Option<String>) {
    let page = ok(server.get(path, token).await).await;
    let items = page[list].as_array().unwrap().iter().map(|item| text(&item[field])).collect();
    (items, page["next_cursor"].as_str().map(str::to_owned))
}

/// Reads all pages of two, adding something after each.
async fn all(
    server: &Server,
    token: &str,
    path: &str,
    list: &str,
    field: &str,
    add: impl AsyncFn(),
) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), None::<String>);
    loop {
        let cursor = next.map(|next| format!("&cursor={next}")).unwrap_or_default();
        let (items, following) = page(server, token, &format!("{path}limit=2{cursor}"), list, field).await;
        pages.push(items);
        add().await;
        match following {
            Some(following) => next = Some(following),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn chats_newest_first() {
    let server = Server::start();
    let (ana, bia) = (server.user("ana").await, server.user("bia").await);
    for prompt in ["c1", "c2", "c3", "c4", "c5"] {
        server.ask(&ana, "", prompt).await;
        server.ask(&bia, "", "other").await;
    }
    let pages = all(&server, &ana, "/chats?", "chats", "title", async || drop(server.ask(&ana, "", "new").await)).await;
    assert_eq!(pages, [vec!["c5", "c4"], vec!["c3", "c2"], vec!["c1"]]);
    assert_eq!(page(&server, &ana, "/chats", "chats", "title").await.0.len(), 8);
}

#[tokio::test]
async fn memories_newest_first() {
    let server = Server::start();
    let (ana, bia) = (server.user("ana").await, server.user("bia").await);
    let add = async |token: &str, text: &str| {
        server.clock.advance(std::time::Duration::from_millis(1));
        ok(server.send("POST", "/memories", token, &json!({"text": text})).await).await;
    };
    for text in ["m1", "m2", "m3", "m4"] {
        add(&ana, text).await;
        add(&bia, "other").await;
    }
    let pages = all(&server, &ana, "/memories?", "memories", "text", async || add(&ana, "new").await).await;
    // A full last page has no cursor to an empty one.
    assert_eq!(pages, [vec!["m4", "m3"], vec!["m2", "m1"]]);
}

#[tokio::test]
async fn history_from_the_newest_page_and_oldest_first_within_it() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let chat = text(&server.ask(&ana, "", "p1").await["chat_id"]);
    for prompt in ["p2", "p3", "p4", "p5"] {
        server.ask(&ana, &chat, prompt).await;
    }
    let path = format!("/chat?chat_id={chat}&");
    let add = async || drop(server.ask(&ana, &chat, "new").await);
    let pages = all(&server, &ana, &path, "messages", "content", add).await;
    let expected: [&[&str]; 3] =
        [&["p4", "echo: p4", "p5", "echo: p5"], &["p2", "echo: p2", "p3", "echo: p3"], &["p1", "echo: p1"]];
    assert_eq!(pages, expected);
    let whole = ok(server.get(&format!("/chat?chat_id={chat}"), &ana).await).await;
    let turns: Vec<&Value> = whole["messages"].as_array().unwrap().iter().map(|message| &message["turn"]).collect();
    assert_eq!(turns, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8]);
    assert_eq!(whole["tokens_used"]["total_tokens"], 8 * 15);
}

#[tokio::test]
async fn fifty_is_the_usual_page_and_a_hundred_the_largest() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for number in 0..101 {
        ok(server.send("POST", "/memories", &ana, &json!({"text": format!("m{number}")})).await).await;
    }
    for (query, count) in [("", 50), ("?limit=100", 100), ("?limit=1", 1), ("?cursor=", 50)] {
        let (items, next) = page(&server, &ana, &format!("/memories{query}"), "memories", "text").await;
        assert_eq!((items.len(), next.is_some()), (count, true), "{query}");
    }
}

#[tokio::test]
async fn limits_and_cursors_that_are_none_are_refused() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let chat = text(&server.ask(&ana, "", "um").await["chat_id"]);
    server.ask(&ana, &chat, "dois").await;
    server.ask(&ana, "", "outro").await;
    for memory in ["a", "b"] {
        ok(server.send("POST", "/memories", &ana, &json!({"text": memory})).await).await;
    }
    let lists = [format!("/chat?chat_id={chat}&"), "/chats?".to_owned(), "/memories?".to_owned()];
    let mut cursors = Vec::new();
    for list in &lists {
        for limit in ["0", "101", "-1", "x", "", "1.5", "1e1", "%201", "99999999999999999999"] {
            let told = problem(server.get(&format!("{list}limit={limit}"), &ana).await, 400, "invalid_parameter").await;
            assert_eq!(wrong_fields(&told), ["limit"], "{limit}");
        }
        for cursor in ["x", "%00", "AAAA", "é", "dA", "%27%20OR%201%3D1"] {
            let told =
                problem(server.get(&format!("{list}cursor={cursor}"), &ana).await, 400, "invalid_parameter").await;
            assert_eq!(wrong_fields(&told), ["cursor"], "{cursor}");
        }
        let page = ok(server.get(&format!("{list}limit=1"), &ana).await).await;
        cursors.push(text(&page["next_cursor"]));
    }
    for (own, list) in lists.iter().enumerate() {
        for (index, cursor) in cursors.iter().enumerate() {
            let response = server.get(&format!("{list}cursor={cursor}"), &ana).await;
            if index == own {
                ok(response).await;
            } else {
                problem(response, 400, "invalid_parameter").await;
            }
        }
    }
}
