//! Which machine is an agent, and which one is a copy of it.
//!
//! A copied disk speaks with the same certificate and the same epoch, and its numbers would mix with those
//! of the original. A machine alone cannot be told from its copy; two that alternate can: A spoke, B took
//! over, A came back while B was alive, so both run, and B, which came later, is the copy. A machine that
//! was replaced (rebooted under another boot id, restored elsewhere) does not come back, and none is a copy.
//!
//! The store keeps which machine spoke last, and no more: after a restart of the collector a copy is let in
//! until the original is back, and then it is the copy again.

/// Machines that are remembered per agent and kind.
const REMEMBERED_MAX: usize = 4;
/// A machine that was heard within this is alive: two tries of an agent that was told to stay away.
const ALIVE_MS: i64 = 150_000;
/// A copy may take over when the original has been silent for this long: it is its replacement then.
const ORIGINAL_GONE_MS: i64 = 24 * 3_600_000;

/// Name of a machine: hash of its id, or its boot id.
pub type Machine = [u8; 16];

/// The machines that have spoken for one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machines {
    current: Option<Machine>,
    before: Vec<Machine>,
    copies: Vec<Machine>,
}

/// Whether a machine may speak for the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Speaks,
    /// It is a copy of the one that speaks.
    Copy,
}

impl Machines {
    /// This one has spoken; of others nothing is known.
    pub fn of(last: Option<Machine>) -> Machines {
        Machines { current: last, ..Machines::default() }
    }

    /// A machine wants to speak. `silent_ms` is for how long the one that spoke last has not been heard; 0
    /// while it speaks.
    pub fn arrive(&mut self, machine: Machine, silent_ms: i64) -> Standing {
        let Some(current) = self.current.filter(|current| *current != machine) else {
            self.current = Some(machine);
            return Standing::Speaks;
        };
        if self.copies.contains(&machine) && silent_ms < ORIGINAL_GONE_MS {
            return Standing::Copy;
        }
        let returns = self.before.contains(&machine);
        forget(&mut self.before, machine);
        forget(&mut self.copies, machine);
        if returns && silent_ms < ALIVE_MS {
            remember(&mut self.copies, current);
        } else {
            remember(&mut self.before, current);
        }
        self.current = Some(machine);
        Standing::Speaks
    }
}

fn remember(machines: &mut Vec<Machine>, machine: Machine) {
    forget(machines, machine);
    if machines.len() >= REMEMBERED_MAX {
        machines.remove(0);
    }
    machines.push(machine);
}

fn forget(machines: &mut Vec<Machine>, machine: Machine) {
    machines.retain(|known| *known != machine);
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Machine = [1; 16];
    const B: Machine = [2; 16];

    /// What becomes of each arrival: who, and the silence of who spoke before.
    fn play(arrivals: &[(Machine, i64)]) -> Vec<Standing> {
        let mut machines = Machines::default();
        arrivals.iter().map(|(machine, silent_ms)| machines.arrive(*machine, *silent_ms)).collect()
    }

    use Standing::{Copy, Speaks};

    #[test]
    fn of_two_that_alternate_the_later_one_is_the_copy() {
        let said = play(&[(A, 0), (B, 0), (A, 60_000), (B, 0), (A, 1), (B, 3_600_000)]);
        assert_eq!(said, [Speaks, Speaks, Speaks, Copy, Speaks, Copy]);
    }

    #[test]
    fn a_machine_that_reconnects_is_itself() {
        assert_eq!(play(&[(A, 0), (A, 0), (A, 9_000_000)]), [Speaks; 3]);
    }

    #[test]
    fn a_reboot_is_no_copy() {
        let boots: Vec<_> = (0..20).map(|n| ([n; 16], 1_000)).collect();
        assert_eq!(play(&boots), [Speaks; 20]);
    }

    #[test]
    fn a_machine_that_comes_back_after_its_replacement_died_is_no_copy_nor_makes_one() {
        let said = play(&[(A, 0), (B, 0), (A, ALIVE_MS), (B, ALIVE_MS)]);
        assert_eq!(said, [Speaks; 4]);
    }

    #[test]
    fn a_copy_becomes_the_machine_when_the_original_is_gone() {
        let alternate = [(A, 0), (B, 0), (A, 0), (B, ORIGINAL_GONE_MS - 1), (B, ORIGINAL_GONE_MS)];
        assert_eq!(play(&alternate), [Speaks, Speaks, Speaks, Copy, Speaks]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut machines = Machines::default();
        for n in 0..100 {
            machines.arrive([n; 16], 0);
            machines.arrive([n.saturating_sub(1); 16], 0);
        }
        assert!(machines.before.len() <= REMEMBERED_MAX);
        assert!(machines.copies.len() <= REMEMBERED_MAX);
    }
}
