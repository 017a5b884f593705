//! Rate limits.

use crate::server::{Call, Server};
use async_trait::async_trait;
use deadpool_redis::redis::{Script, ScriptInvocation};
use palavra_domain::{
    StoreError,
    ports::{Decision, Quota, RateLimiter},
};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// A bucket is one number: when it will be full again, in microseconds of Redis' clock. It vanishes when it is full.
///
/// `ARGV`: what to do, how many tokens a full bucket holds, how long one takes to come back. Answers how long to wait, 0 when
/// a token was taken.
const BUCKET: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local burst, refill = tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
local function keep(at)
  if at > now then
    redis.call('SET', KEYS[1], string.format('%.0f', at), 'PX', string.format('%.0f', math.ceil((at - now) / 1000)))
  else
    redis.call('DEL', KEYS[1])
  end
end
if ARGV[1] == 'give back' then
  keep(full - refill)
  return 0
end
local wait = full + refill - now - burst * refill
if wait > 0 then
  return math.ceil(wait)
end
keep(full + refill)
return 0
";

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(BUCKET));

/// What is counted as never: Redis' numbers stay exact far beyond it.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Token buckets in Redis, shared by all instances; from [`RedisStore::limiter`](crate::RedisStore::limiter).
///
/// While Redis does not answer, calls fail at once as unavailable.
#[derive(Clone)]
pub struct RedisRateLimiter {
    server: Arc<Server>,
}

impl RedisRateLimiter {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self { server }
    }

    fn key(&self, key: &str) -> String {
        format!("{}l:{key}", self.server.options.key_prefix)
    }

    fn script(&self, what: &str, key: &str, quota: Quota) -> ScriptInvocation<'static> {
        let refill = u64::try_from(quota.refill_every.min(LONGEST).as_micros()).unwrap_or(u64::MAX);
        let mut script = SCRIPT.prepare_invoke();
        script.key(self.key(key)).arg(what).arg(quota.burst).arg(refill);
        script
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    #[tracing::instrument(name = "limits.take", level = "debug", skip_all)]
    async fn take(&self, key: &str, quota: Quota) -> Result<Decision, StoreError> {
        let script = self.script("take", key, quota);
        let wait: u64 = self
            .server
            .call(Call::Optional, |mut connection| async move { script.invoke_async(&mut connection).await })
            .await?;
        Ok(match wait {
            0 => Decision::Allowed,
            wait => Decision::Limited { retry_after: Duration::from_micros(wait) },
        })
    }

    #[tracing::instrument(name = "limits.give_back", level = "debug", skip_all)]
    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), StoreError> {
        let script = self.script("give back", key, quota);
        self.server
            .call(Call::Optional, |mut connection| async move { script.invoke_async::<u64>(&mut connection).await })
            .await?;
        Ok(())
    }

    #[tracing::instrument(name = "limits.reset", level = "debug", skip_all)]
    async fn reset(&self, key: &str) -> Result<(), StoreError> {
        let mut del = deadpool_redis::redis::cmd("DEL");
        del.arg(self.key(key));
        self.server
            .call(Call::Optional, |mut connection| async move { del.query_async::<()>(&mut connection).await })
            .await
    }
}
