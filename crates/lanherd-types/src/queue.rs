//! Queues that are empty most of the time.

use std::collections::VecDeque;

/// Takes the first. Whoever waits for nothing keeps no room for it: there are thousands of clients.
pub fn take_next<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let next = queue.pop_front();
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_was_emptied_has_no_room_and_the_order_is_kept() {
        let mut queue: VecDeque<u8> = [1, 2].into();
        assert_eq!(take_next(&mut queue), Some(1));
        assert_eq!(take_next(&mut queue), Some(2));
        assert_eq!((take_next(&mut queue), queue.capacity()), (None, 0));
    }
}
