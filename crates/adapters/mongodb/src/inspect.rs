//! What the deployment says of itself.

use crate::{
    MongoStore,
    open::{CHATS, TURNS, chat_indexes, turn_indexes},
};
use async_trait::async_trait;
use mongodb::bson::doc;
use palavra_domain::{
    StoreError,
    ports::{Check, Inspect, Inspection},
};

#[async_trait]
impl Inspect for MongoStore {
    async fn inspect(&self) -> Result<Inspection, StoreError> {
        let build = self.limited(async { self.database.run_command(doc! {"buildInfo": 1}).await }).await?;
        let version = build.get_str("version").unwrap_or("of an unknown version").to_owned();
        let mut missing = Vec::new();
        for (name, collection, wanted) in
            [(CHATS, self.chat_documents(), chat_indexes()), (TURNS, self.turn_documents(), turn_indexes())]
        {
            let there = self.limited(async { collection.list_index_names().await }).await?;
            let wanted = wanted.into_iter().filter_map(|index| index.options?.name);
            missing.extend(wanted.filter(|index| !there.contains(index)).map(|index| format!("{name}.{index}")));
        }
        let indexes = Check {
            name: "indexes",
            ok: missing.is_empty(),
            told: if missing.is_empty() {
                "all are there".to_owned()
            } else {
                format!("missing: {}. Start an instance, which makes them", missing.join(", "))
            },
        };
        Ok(Inspection { product: format!("MongoDB {version}"), checks: vec![indexes] })
    }
}
