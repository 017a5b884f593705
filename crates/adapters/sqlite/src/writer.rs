//! The one connection that writes, on a thread of its own.

use crate::{
    OpenError,
    errors::{Failure, Outcome, unavailable, unexpected},
    open::Location,
};
use diesel::{QueryResult, SqliteConnection, connection::SimpleConnection};
use palavra_domain::StoreError;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// How many operations may wait. Whoever comes then waits for a place.
const QUEUE: usize = 1024;
/// How many operations share one commit: so few that the first of them is not kept waiting long.
const GROUP: usize = 64;

/// Hands operations to the thread that writes.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Operation>>,
    timeout: Duration,
}

impl Writer {
    /// Starts the thread. It ends when the last handle is gone and the queue is empty.
    pub(crate) fn start(location: Location, connection: SqliteConnection) -> Result<Self, OpenError> {
        let (queue, operations) = mpsc::channel(QUEUE);
        let timeout = location.options().timeout;
        let path = location.path().to_owned();
        let thread = Thread { location, connection: Some(connection), operations };
        std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || thread.run())
            .map_err(|source| OpenError::Thread { path, source })?;
        Ok(Self { queue, timeout })
    }

    /// Runs `work` as one unit, all or nothing, and answers when it is committed.
    ///
    /// Once it is queued it runs, whether or not the caller still waits. An operation whose time is over before its turn comes
    /// is not begun; one that is late after that may still be committed, as with any database.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Outcome<T> + Send + 'static,
    {
        let deadline = Instant::now() + self.timeout;
        let (reply, answer) = oneshot::channel();
        let operation = Box::new(Pending { work: Some(work), result: None, reply, deadline });
        let queued_and_answered = async {
            self.queue.send(operation).await.map_err(|_| unavailable("the thread that writes has ended"))?;
            answer.await.map_err(|_| unavailable("the thread that writes did not answer"))?
        };
        tokio::time::timeout_at(deadline.into(), queued_and_answered)
            .await
            .map_err(|_| unavailable("no answer from the database within the time allowed"))?
    }
}

/// Something to be written, with whoever waits for it.
trait Operation: Send {
    /// Whether there is still time to begin.
    fn in_time(&self) -> bool;
    /// Does it, and tells whether what it wrote is to be kept.
    fn run(&mut self, connection: &mut SqliteConnection) -> bool;
    /// Tells the caller how it went, or why the commit that it shared failed.
    fn answer(self: Box<Self>, failed: Option<StoreError>);
}

struct Pending<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    deadline: Instant,
}

impl<T, F> Operation for Pending<T, F>
where
    T: Send,
    F: FnOnce(&mut SqliteConnection) -> Outcome<T> + Send,
{
    fn in_time(&self) -> bool {
        Instant::now() < self.deadline
    }

    fn run(&mut self, connection: &mut SqliteConnection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // What a panic leaves behind is undone by the savepoint; the thread has to live on for the others.
        let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
            .unwrap_or_else(|_| Err(Failure(unexpected("an operation panicked"))));
        self.result.insert(result.map_err(|Failure(error)| error)).is_ok()
    }

    fn answer(self: Box<Self>, failed: Option<StoreError>) {
        let Self { result, reply, .. } = *self;
        let answer = match (result, failed) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(failed)) => Err(failed),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(unavailable("the operation came too late to be begun")),
        };
        // A caller that has gone away misses the answer only.
        drop(reply.send(answer));
    }
}

struct Thread {
    location: Location,
    /// None after a failure that leaves its state unknown.
    connection: Option<SqliteConnection>,
    operations: mpsc::Receiver<Box<dyn Operation>>,
}

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.operations.blocking_recv() {
            let mut group = Vec::with_capacity(GROUP);
            let failure = self.commit(first, &mut group).err();
            if let Some(error) = &failure {
                let operations = group.len();
                tracing::error!(%error, operations, "a commit failed; what it held was not written");
                // Closing the connection takes back whatever it had begun.
                self.connection = None;
            }
            for operation in group {
                operation.answer(failure.as_ref().map(|error| unavailable(error.to_string())));
            }
        }
    }

    /// Runs `first` and what is queued behind it in one transaction. All that was taken from the queue is in `group` after.
    fn commit(
        &mut self,
        first: Box<dyn Operation>,
        group: &mut Vec<Box<dyn Operation>>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut next = Some(first);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            lost @ None => match self.location.connect_writer() {
                Ok(connection) => lost.insert(connection),
                Err(error) => {
                    group.extend(next);
                    return Err(error.into());
                }
            },
        };
        let begun = connection.batch_execute("BEGIN IMMEDIATE");
        if begun.is_err() {
            group.extend(next);
            return Ok(begun?);
        }
        while let Some(mut operation) = next {
            let done = if operation.in_time() { unit(connection, operation.as_mut()) } else { Ok(()) };
            group.push(operation);
            done?;
            next = if group.len() < GROUP { self.operations.try_recv().ok() } else { None };
        }
        Ok(connection.batch_execute("COMMIT")?)
    }
}

/// Runs one operation of a group. An error means that the whole transaction is lost: some failures of SQLite roll everything
/// back, and then the savepoint is not there any more.
fn unit(connection: &mut SqliteConnection, operation: &mut dyn Operation) -> QueryResult<()> {
    connection.batch_execute("SAVEPOINT operation")?;
    let keep = operation.run(connection);
    connection.batch_execute(if keep { "RELEASE operation" } else { "ROLLBACK TO operation; RELEASE operation" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteOptions;
    use diesel::{
        Connection, QueryDsl, RunQueryDsl,
        connection::InstrumentationEvent,
        dsl::count_star,
        insert_into,
        prelude::{ExpressionMethods, Insertable},
    };
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    diesel::table! {
        notes (id) { id -> BigInt, }
    }

    #[derive(Insertable)]
    #[diesel(table_name = notes)]
    struct Note {
        id: i64,
    }

    fn note(connection: &mut SqliteConnection, id: i64) -> Outcome<()> {
        insert_into(notes::table).values(Note { id }).execute(connection)?;
        Ok(())
    }

    /// A writer over a table of notes, and a count of its commits.
    fn writer(folder: &tempfile::TempDir) -> (Writer, Arc<AtomicUsize>) {
        let location = Location::new(&folder.path().join("notes.db"), SqliteOptions::default()).unwrap();
        let mut connection = location.connect_writer().unwrap();
        connection.batch_execute("CREATE TABLE notes (id INTEGER PRIMARY KEY) STRICT").unwrap();
        let commits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&commits);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event
                && query.to_string() == "COMMIT"
            {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        (Writer::start(location, connection).unwrap(), commits)
    }

    async fn count(writer: &Writer) -> i64 {
        writer.write(|connection| Ok(notes::table.select(count_star()).get_result(connection)?)).await.unwrap()
    }

    /// Queues operations behind one that takes a while, and gives their results.
    async fn at_once(
        writer: &Writer,
        works: Vec<fn(&mut SqliteConnection) -> Outcome<()>>,
    ) -> Vec<Result<(), StoreError>> {
        let slow = writer.write(|_| {
            std::thread::sleep(Duration::from_millis(400));
            Ok(())
        });
        let others = async {
            let mut tasks = Vec::new();
            for work in works {
                // So that they are queued in their order.
                tokio::time::sleep(Duration::from_millis(20)).await;
                let writer = writer.clone();
                tasks.push(tokio::spawn(async move { writer.write(work).await }));
            }
            let mut results = Vec::new();
            for task in tasks {
                results.push(task.await.unwrap());
            }
            results
        };
        let (slow, results) = tokio::join!(slow, others);
        // It shares the fate of the commit that all are in.
        assert_eq!(slow.is_ok(), results.iter().any(Result::is_ok));
        results
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_queued_shares_one_commit() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, commits) = writer(&folder);
        let results = at_once(&writer, vec![|db| note(db, 1), |db| note(db, 2), |db| note(db, 3)]).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(commits.load(Ordering::SeqCst), 1);
        assert_eq!(count(&writer).await, 3);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_fails_or_panics_is_undone_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, commits) = writer(&folder);
        let results = at_once(
            &writer,
            vec![
                |db| note(db, 1),
                |db| note(db, 2).and_then(|()| Err(Failure(unexpected("half done")))),
                |db| note(db, 3).map(|()| panic!("half done")),
                |db| note(db, 1),
                |db| note(db, 5),
            ],
        )
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2, "{results:?}");
        assert_eq!(commits.load(Ordering::SeqCst), 1);
        let kept =
            |db: &mut SqliteConnection| Ok(notes::table.select(notes::id).order(notes::id.asc()).load::<i64>(db)?);
        assert_eq!(writer.write(kept).await.unwrap(), [1, 5]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_lost_transaction_is_told_to_all_and_the_next_one_works() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, _) = writer(&folder);
        // As SQLite does by itself when the disk is full.
        let lose = |db: &mut SqliteConnection| Ok(db.batch_execute("ROLLBACK")?);
        let results = at_once(&writer, vec![|db| note(db, 1), lose]).await;
        assert!(results.iter().all(|result| matches!(result, Err(StoreError::Unavailable { .. }))), "{results:?}");
        assert_eq!(count(&writer).await, 0);
        writer.write(|db| note(db, 7)).await.unwrap();
        assert_eq!(count(&writer).await, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_caller_that_goes_away_leaves_a_whole_write() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, _) = writer(&folder);
        let gone = writer.write(|db| {
            note(db, 1)?;
            std::thread::sleep(Duration::from_millis(200));
            note(db, 2)
        });
        assert!(tokio::time::timeout(Duration::from_millis(50), gone).await.is_err());
        assert_eq!(count(&writer).await, 2);
    }
}
