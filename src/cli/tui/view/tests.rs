//! What keys do.

use proptest::prelude::*;

use super::super::sample;
use super::*;

const SIZE: Size = Size::new(120, 40);

fn press(view: &mut View, model: &Model, keys: &[Key]) -> Option<Order> {
    let mut order = None;
    for key in keys {
        view.settle(model, SIZE);
        order = view.press(*key, model, SIZE);
    }
    order
}

fn chosen(keys: &[Key]) -> Option<u32> {
    let (mut view, model) = (View::default(), sample::mixed(1_000));
    press(&mut view, &model, keys);
    view.chosen.map(|number| number.0)
}

#[test]
fn arrows_and_letters_choose_a_client() {
    use Key::{Char, Down, End, Home, Left, PageDown, Right, Up};
    assert_eq!(chosen(&[]), None);
    assert_eq!(chosen(&[Right]), Some(2));
    assert_eq!(chosen(&[Char('l'), Char('l'), Char('h')]), Some(2));
    assert_eq!(chosen(&[Down]), Some(61));
    assert_eq!(chosen(&[Char('j'), Char('j'), Up, Char('k')]), Some(1));
    assert_eq!(chosen(&[End]), Some(1_000));
    assert_eq!(chosen(&[End, Left, Home]), Some(1));
    assert!(chosen(&[PageDown]) > Some(500));
}

#[test]
fn a_client_is_found_by_its_number_and_one_that_is_not_there_is_refused() {
    use Key::{Backspace, Char, Enter, Escape};
    assert_eq!(chosen(&[Char('/'), Char('7'), Char('7'), Enter]), Some(77));
    assert_eq!(
        chosen(&[Char('g'), Char('7'), Char('8'), Backspace, Enter]),
        Some(7)
    );
    assert_eq!(chosen(&[Char('g'), Char('7'), Escape]), None);
    let (mut view, model) = (View::default(), sample::mixed(10));
    press(&mut view, &model, &[Char('g'), Char('9'), Char('9'), Enter]);
    let complaint = "there is no client 99".to_owned();
    assert_eq!(
        view.over,
        Over::GoTo {
            typed: "99".to_owned(),
            complaint
        }
    );
}

#[test]
fn the_next_client_that_is_down_is_found_and_after_the_last_the_first() {
    let f = Key::Char('f');
    // Every sixth is in the next phase: 1 queued, 7 namespace, 13 link, 19 dhcp, 25 configure, ... 43 dad, 49 online, 55 partial, ...
    assert_eq!(chosen(&[f]), Some(7));
    assert_eq!(chosen(&[f, f, f, f]), Some(25));
    assert_eq!(chosen(&[f; 8]), Some(55));
    assert_eq!(chosen(&[Key::End, f]), Some(1));
    let (mut view, model) = (View::default(), sample::model(5));
    press(&mut view, &model, &[f]);
    assert_eq!(view.chosen, None);
}

#[test]
fn a_client_is_opened_and_closed_and_its_neighbours_are_reached_from_it() {
    let (mut view, model) = (View::default(), sample::mixed(20));
    press(&mut view, &model, &[Key::Right, Key::Enter]);
    assert_eq!(view.opened(&model), Some(ClientNumber(2)));
    press(&mut view, &model, &[Key::Down, Key::Right]);
    assert_eq!(view.over, Over::Client(0));
    assert_eq!(view.opened(&model), Some(ClientNumber(3)));
    press(&mut view, &model, &[Key::Escape]);
    assert_eq!(view.opened(&model), None);
    let empty = sample::model(0);
    press(&mut view, &empty, &[Key::Enter]);
    assert_eq!(view.over, Over::Nothing);
}

#[test]
fn quitting_must_be_confirmed_and_ctrl_c_need_not_be() {
    let (mut view, model) = (View::default(), sample::mixed(20));
    let q = Key::Char('q');
    assert_eq!(press(&mut view, &model, &[q]), None);
    assert_eq!(view.over, Over::Quit);
    for other in [Key::Enter, Key::Escape, q, Key::Char('n')] {
        assert_eq!(press(&mut view, &model, &[other]), None);
        assert_eq!(view.over, Over::Nothing);
        press(&mut view, &model, &[q]);
    }
    assert_eq!(
        press(&mut view, &model, &[Key::Char('y')]),
        Some(Order::Interrupt)
    );
    for keys in [
        &[][..],
        &[Key::Char('?')],
        &[Key::Char('g')],
        &[Key::Enter],
        &[q],
    ] {
        press(&mut view, &model, keys);
        assert_eq!(
            press(&mut view, &model, &[Key::Ctrl('c')]),
            Some(Order::Interrupt)
        );
    }
}

#[test]
fn events_stand_still_while_they_are_read_and_go_on_at_the_end() {
    let mut model = sample::mixed(20);
    for second in 0..100 {
        model.say(std::time::Duration::from_secs(second), "more");
    }
    let mut view = View::default();
    press(&mut view, &model, &[Key::Tab, Key::Up]);
    let before = view.lowest;
    assert!(before.is_some());
    model.say(std::time::Duration::from_secs(200), "even more");
    press(&mut view, &model, &[Key::Char('x')]);
    assert_eq!(view.lowest, before);
    press(&mut view, &model, &[Key::Home, Key::Up]);
    let oldest = model.entries(false).next().map(|entry| entry.number);
    assert!(
        view.lowest > oldest,
        "a full page is shown at the oldest, too"
    );
    press(&mut view, &model, &[Key::End]);
    assert_eq!(view.lowest, None);
    press(&mut view, &model, &[Key::Up, Key::Escape]);
    assert_eq!((view.lowest, view.pane), (None, Pane::Clients));
}

#[test]
fn every_binding_does_something() {
    let mut model = sample::mixed(200);
    for second in 0..50 {
        model.say(std::time::Duration::from_secs(second), "more");
    }
    for binding in BINDINGS {
        for key in binding.keys {
            let does = |before: &[Key]| {
                let (mut view, mut other) = (View::default(), View::default());
                press(&mut view, &model, before);
                press(&mut other, &model, before);
                view.settle(&model, SIZE);
                other.settle(&model, SIZE);
                view.press(*key, &model, SIZE).is_some() || view != other
            };
            let g = &[
                Key::Char('g'),
                Key::Char('1'),
                Key::Char('0'),
                Key::Char('0'),
                Key::Enter,
            ];
            assert!(does(g) || does(&[Key::Char('?')]), "{key}");
        }
    }
}

fn a_key() -> impl Strategy<Value = Key> {
    let all: Vec<Key> = BINDINGS.iter().flat_map(|b| b.keys).copied().collect();
    prop_oneof![
        4 => prop::sample::select(all),
        1 => prop::char::range('0', '9').prop_map(Key::Char),
        1 => Just(Key::Backspace),
    ]
}

proptest! {
    #[test]
    fn whatever_is_pressed_what_is_chosen_exists_and_is_in_sight(
        keys in prop::collection::vec(a_key(), 0..60),
        clients in 0_u32..300,
        width in 1_u16..200,
        height in 1_u16..60,
    ) {
        let (mut view, size) = (View::default(), Size::new(width, height));
        let model = sample::mixed(clients);
        for key in keys {
            view.settle(&model, size);
            view.press(key, &model, size);
            view.settle(&model, size);
            let place = view.place(&model);
            prop_assert_eq!(place.is_some(), clients > 0);
            if let (Some(areas), Some(place)) = (Areas::of(size), place) {
                let (plan, rows) = plan(&model, &areas);
                let (row, _) = plan.find(place).expect("a row");
                prop_assert!((view.top..view.top + rows).contains(&row));
            }
        }
    }
}
