//! Which Lease, for whom, and the three times.

use std::time::Duration;

/// Which Lease, for whom, and the three times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// The name of this process in the record: different for every process, also of one pod one after the
    /// other, for example the pod's name and something random.
    pub identity: String,
    /// How long others wait for a silent holder; whole seconds, as the record holds them.
    pub lease_duration: Duration,
    /// How long after its last renewal a holder stops to lead.
    pub renew_deadline: Duration,
    /// How often a holder renews. Others look as often and up to 1.2 times longer, each at its own random
    /// times.
    pub retry_period: Duration,
}

/// Times that cannot work together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Others could take over while the holder still leads.
    #[error("the lease duration must be longer than the renew deadline")]
    DurationTooShort,
    /// The holder could stop to lead before it tries again.
    #[error("the renew deadline must be longer than 1.2 times the retry period")]
    DeadlineTooShort,
    /// It would try all the time.
    #[error("the retry period must not be zero")]
    NoRetryPeriod,
    /// The record holds whole seconds in 32 bits.
    #[error("the lease duration must be a whole number of seconds, at most 2147483647")]
    NotWholeSeconds,
    /// An empty holder means that nobody holds it.
    #[error("the identity must not be empty")]
    NoIdentity,
}

/// How much longer than the retry period others may wait, as a part of it (client-go's `JitterFactor`).
pub(crate) const JITTER: f64 = 1.2;

impl Config {
    /// The times of client-go and Argo Rollouts: 15 s, 10 s and 2 s.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }

    /// How long a request may take: so short that another one fits before the deadline.
    pub fn request_timeout(&self) -> Duration {
        self.renew_deadline / 2
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.identity.is_empty() {
            return Err(ConfigError::NoIdentity);
        }
        if self.retry_period.is_zero() {
            return Err(ConfigError::NoRetryPeriod);
        }
        if self.lease_duration <= self.renew_deadline {
            return Err(ConfigError::DurationTooShort);
        }
        if self.renew_deadline.as_secs_f64() <= self.retry_period.as_secs_f64() * JITTER {
            return Err(ConfigError::DeadlineTooShort);
        }
        if self.lease_duration.subsec_nanos() != 0 || i32::try_from(self.lease_duration.as_secs()).is_err() {
            return Err(ConfigError::NotWholeSeconds);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_that_can_work_are_taken() {
        let with = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::new("ns", "lock", "a");
            change(&mut config);
            config.check()
        };
        assert_eq!(with(&|_| {}), Ok(()));
        assert_eq!(with(&|c| c.identity.clear()), Err(ConfigError::NoIdentity));
        assert_eq!(with(&|c| c.lease_duration = c.renew_deadline), Err(ConfigError::DurationTooShort));
        assert_eq!(with(&|c| c.retry_period = Duration::from_secs(9)), Err(ConfigError::DeadlineTooShort));
        assert_eq!(with(&|c| c.retry_period = Duration::ZERO), Err(ConfigError::NoRetryPeriod));
        assert_eq!(
            with(&|c| c.lease_duration = Duration::from_millis(15_500)),
            Err(ConfigError::NotWholeSeconds)
        );
        assert_eq!(
            with(&|c| c.lease_duration = Duration::from_secs(1 << 31)),
            Err(ConfigError::NotWholeSeconds)
        );
    }
}
