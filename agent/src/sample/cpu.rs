//! Processor time and load, from `/proc/stat` and `/proc/loadavg`.

/// Ticks of all processors since boot, as the first line of `/proc/stat` tells them (proc(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ticks {
    busy: u64,
    total: u64,
}

impl Ticks {
    /// Reads `cpu user nice system idle iowait irq softirq steal guest guest_nice`; old kernels write
    /// fewer. Waiting for a disk (iowait) is not work: such a processor is free for others, so it does
    /// not count as busy. Time stolen by the hypervisor counts as busy: this machine could not use it.
    /// Guests' time is part of `user` already.
    pub(super) fn parse(stat: &str) -> Option<Ticks> {
        let line = stat.lines().find(|line| line.starts_with("cpu "))?;
        let fields: Option<Vec<u64>> =
            line.split_whitespace().skip(1).take(8).map(|field| field.parse().ok()).collect();
        let fields = fields?;
        let idle = *fields.get(3)?;
        let waiting = fields.get(4).copied().unwrap_or(0);
        let total = fields.iter().fold(0, |sum: u64, field| sum.saturating_add(*field));
        Some(Ticks { busy: total.saturating_sub(idle).saturating_sub(waiting), total })
    }

    /// Share of time that was busy since `before`, 0-1000. None has passed, or a counter ran
    /// backwards (iowait may, proc(5)): 0.
    pub(super) fn busy_permille_since(self, before: Ticks) -> u32 {
        let total = self.total.saturating_sub(before.total);
        let busy = self.busy.saturating_sub(before.busy).min(total);
        (busy.saturating_mul(1_000)).checked_div(total).unwrap_or(0) as u32
    }
}

/// Logical processors that are on line: the `cpu0`, `cpu1` … lines of `/proc/stat`.
pub(super) fn processors(stat: &str) -> u32 {
    let is_one = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    stat.lines().filter(is_one).count() as u32
}

/// Load over one minute, times 100, from `/proc/loadavg` (`0.98 0.89 0.72 3/113 30634`).
pub(super) fn load1_centi(loadavg: &str) -> Option<u32> {
    let (whole, hundredths) = loadavg.split_whitespace().next()?.split_once('.')?;
    let whole: u32 = whole.parse().ok()?;
    let hundredths: u32 = hundredths.get(..2)?.parse().ok()?;
    whole.checked_mul(100)?.checked_add(hundredths)
}

/// Whole seconds since boot, from `/proc/uptime` (`2450.52 3473.45`).
pub(super) fn uptime_s(uptime: &str) -> Option<u32> {
    uptime.split(['.', ' ']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_disk_is_not_busy_and_stolen_time_is() {
        let before = Ticks::parse("cpu  100 0 100 1000 50 0 0 0 0 0\ncpu0 1 2 3 4\n").unwrap();
        let after = Ticks::parse("cpu  120 0 110 1040 70 0 0 10 0 0\n").unwrap();
        // 100 ticks: user 20 + system 10 + stolen 10 busy, idle 40, waiting 20.
        assert_eq!(after.busy_permille_since(before), 400);
    }

    #[test]
    fn no_time_passed_or_a_counter_running_backwards_is_zero() {
        let ticks = Ticks { busy: 10, total: 100 };
        assert_eq!(ticks.busy_permille_since(ticks), 0);
        assert_eq!(ticks.busy_permille_since(Ticks { busy: 90, total: 200 }), 0);
        assert_eq!(
            Ticks { busy: 300, total: 200 }.busy_permille_since(Ticks { busy: 0, total: 100 }),
            1_000
        );
    }

    #[test]
    fn an_old_kernel_with_four_fields_is_read() {
        assert_eq!(Ticks::parse("cpu 1 2 3 4\n"), Some(Ticks { busy: 6, total: 10 }));
        assert_eq!(Ticks::parse("cpu 1 2\n"), None);
        assert_eq!(Ticks::parse("cpu 1 2 three 4\n"), None);
    }

    #[test]
    fn each_processor_has_a_line_of_its_own() {
        assert_eq!(processors("cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr 7\n"), 2);
    }

    #[test]
    fn load_and_uptime_are_read_or_refused() {
        assert_eq!(load1_centi("12.98 0.89 0.72 3/113 30634\n"), Some(1_298));
        assert_eq!(load1_centi("12\n"), None);
        assert_eq!(uptime_s("2450.52 3473.45\n"), Some(2_450));
        assert_eq!(uptime_s(""), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "(cpu )?[0-9. a-zé]{0,60}") {
            let _ = (Ticks::parse(&text), load1_centi(&text), uptime_s(&text));
        }
    }
}
