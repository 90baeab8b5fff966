//! What was made once and is likely to be asked for again. A place for each key: what falls on the place of
//! another takes it, so that nothing needs to be thrown away in bulk.

/// See the module.
#[derive(Debug)]
pub struct Kept<Value> {
    places: Vec<Option<(u64, Value)>>,
    places_max: usize,
}

impl<Value> Kept<Value> {
    /// Keeps so many.
    pub fn new(places_max: usize) -> Kept<Value> {
        Kept { places: Vec::new(), places_max }
    }

    /// The value of a key, which is a hash; made if it is not kept.
    pub fn get(&mut self, key: u64, make: impl FnOnce() -> Value) -> &Value {
        let slot = self.slot(key);
        if slot.as_ref().is_some_and(|(known, _)| *known != key) {
            *slot = None;
        }
        let (_, value) = slot.get_or_insert_with(|| (key, make()));
        value
    }

    /// The value of a key, if it is kept.
    pub fn find(&mut self, key: u64) -> Option<&Value> {
        self.slot(key).as_ref().filter(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// Keeps a value.
    pub fn set(&mut self, key: u64, value: Value) {
        *self.slot(key) = Some((key, value));
    }

    fn slot(&mut self, key: u64) -> &mut Option<(u64, Value)> {
        if self.places.is_empty() {
            self.places.resize_with(self.places_max.max(1), || None);
        }
        let place = key as usize % self.places.len();
        &mut self.places[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_until_another_takes_its_place() {
        let mut kept = Kept::new(8);
        assert_eq!(*kept.get(3, || "a"), "a");
        assert_eq!(*kept.get(3, || "b"), "a");
        assert_eq!(*kept.get(11, || "c"), "c");
        assert_eq!(*kept.get(3, || "d"), "d");
    }
}
