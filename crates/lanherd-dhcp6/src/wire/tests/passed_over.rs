//! Options that are passed over, and what is kept beside them.

use super::*;

// RFC 9915, 21.1: no option is longer than what it stands in.
#[test]
fn an_option_that_runs_past_the_one_around_it_costs_that_one_alone() {
    let too_long = [&address(&[])[..], &[0, 13, 0, 9, 0, 0]].concat();
    let bytes = [
        option(7, &[9]),
        ia(3, 1, &too_long),
        ia(3, 2, &address(&[])),
    ]
    .concat();
    assert_eq!(
        passed_over(&bytes),
        [(13, Some(3), 4 + 5 + 16 + 28, RemarkReason::Truncated)]
    );
    let message = reply(&bytes);
    assert_eq!(message.options.byte(code::PREFERENCE), Some(9));
    let iaids: Vec<u32> = message.options.ias().map(|ia| ia.iaid).collect();
    assert_eq!(iaids, [2]);

    // In an address of an identity association: that address.
    let bytes = ia(
        3,
        1,
        &[address(&[0, 13, 0]), address(&option(13, &[0, 0]))].concat(),
    );
    assert_eq!(
        passed_over(&bytes),
        [(13, Some(5), 4 + 16 + 28, RemarkReason::Truncated)]
    );
    let left = reply(&bytes).options.ias().next().expect("an IA");
    assert_eq!(left.addresses().count(), 1);
}

// RFC 9915, 21: options stand within options two deep at most, and where each may stand is known.
#[test]
fn options_that_cannot_stand_where_they_do_are_passed_over() {
    let misplaced = RemarkReason::Misplaced;
    for (bytes, expected) in [
        (address(&[]), vec![(5, None, 4, misplaced)]),
        (prefix(64, &[]), vec![(26, None, 4, misplaced)]),
        (ia(25, 1, &address(&[])), vec![(5, Some(25), 20, misplaced)]),
        (
            ia(3, 1, &prefix(64, &[])),
            vec![(26, Some(3), 20, misplaced)],
        ),
        (ia(3, 1, &ia(3, 2, &[])), vec![(3, Some(3), 20, misplaced)]),
        (ia(4, 1, &ia(4, 2, &[])), vec![(4, Some(4), 12, misplaced)]),
        (
            ia(3, 1, &address(&address(&[]))),
            vec![(5, Some(5), 48, misplaced)],
        ),
        (
            ia(3, 1, &option(20, &[])),
            vec![(20, Some(3), 20, misplaced)],
        ),
        (option(67, &[64, 1]), vec![(67, None, 4, misplaced)]),
    ] {
        assert_eq!(passed_over(&bytes), expected);
    }
    let status = option(13, &[0, 2]);
    for bytes in [
        ia(3, 1, &[address(&status), status.clone()].concat()),
        ia(4, 1, &[status.clone(), address(&status)].concat()),
        ia(25, 1, &[prefix(48, &status), status].concat()),
        ia(25, 1, &prefix(48, &option(67, &[64, 0, 1]))),
    ] {
        assert_eq!(passed_over(&bytes), []);
    }
}

// RFC 9915, 21: of an option that may stand once the first counts, and instances are never joined.
#[test]
fn a_second_instance_is_named_and_the_first_counts() {
    let bytes = [
        option(7, &[1]),
        option(7, &[2]),
        option(23, &[1; 16]),
        option(23, &[2; 16]),
    ];
    assert_eq!(
        passed_over(&bytes.concat()),
        [
            (7, None, 9, RemarkReason::Duplicate),
            (23, None, 34, RemarkReason::Duplicate)
        ]
    );
    let message = reply(&bytes.concat());
    assert_eq!(message.options.byte(code::PREFERENCE), Some(1));
    assert_eq!(codes(&message.options), [7, 23]);
    // The first that can be read.
    let bytes = [option(7, &[]), option(7, &[2])].concat();
    assert_eq!(reply(&bytes).options.byte(code::PREFERENCE), Some(2));
    // Two of one kind with one number; of two kinds these are apart.
    let bytes = [
        ia(3, 1, &[]),
        ia(25, 1, &[]),
        ia(3, 2, &[]),
        ia(3, 1, &address(&[])),
    ]
    .concat();
    assert_eq!(
        passed_over(&bytes),
        [(3, None, 52, RemarkReason::Duplicate)]
    );
    assert_eq!(reply(&bytes).options.ias().count(), 3);
    // Those that may stand more than once, and those that nobody knows.
    let bytes = [
        option(16, &[0; 4]),
        option(16, &[0; 4]),
        option(17, &[0; 4]),
        option(17, &[0; 4]),
        option(999, &[1]),
        option(999, &[2, 3]),
    ];
    assert_eq!(passed_over(&bytes.concat()), []);
    assert_eq!(
        codes(&reply(&bytes.concat()).options),
        [16, 16, 17, 17, 999, 999]
    );
}

// RFC 9915, 16: options that are not known are kept as they are, and pass for absent.
#[test]
fn unknown_options_are_kept_raw_wherever_they_stand() {
    let bytes = [
        option(94, &[1, 2, 3]),
        ia(
            3,
            1,
            &[option(1000, &[4]), address(&option(1001, &[5]))].concat(),
        ),
        option(65_535, &[]),
    ]
    .concat();
    assert_eq!(passed_over(&bytes), []);
    let message = reply(&bytes);
    assert_eq!(message.options.get(94), Some([1, 2, 3].as_slice()));
    let ia = message.options.ias().next().expect("an IA");
    assert_eq!(ia.options.get(1000), Some([4].as_slice()));
    let address = ia.addresses().next().expect("an address");
    assert_eq!(address.options.get(1001), Some([5].as_slice()));
    assert_eq!(message.encode().expect("short"), with(7, &bytes));
}

// Field practice: a malformed DHCPv6 option costs that option alone.
#[test]
fn every_known_option_of_a_wrong_length_is_passed_over_alone() {
    for (code, good, bad) in [
        (1_u16, 3_usize, [2, 131].as_slice()),
        (2, 130, &[0, 1, 2, 131]),
        (3, 12, &[0, 11]),
        (4, 4, &[0, 3]),
        (6, 4, &[1, 3]),
        (7, 1, &[0, 2]),
        (8, 2, &[0, 1, 3]),
        (11, 28, &[0, 10]),
        (12, 16, &[0, 15, 17]),
        (13, 2, &[0, 1]),
        (14, 0, &[1, 4]),
        (15, 2, &[0, 1]),
        (16, 4, &[0, 3]),
        (17, 4, &[0, 3]),
        (19, 1, &[0, 2]),
        (20, 0, &[1]),
        (23, 32, &[0, 15, 17]),
        (24, 1, &[0]),
        (25, 12, &[0, 11]),
        (31, 16, &[0, 8]),
        (32, 4, &[0, 3, 5]),
        (56, 4, &[0, 3]),
        (82, 4, &[0, 2, 8]),
        (83, 4, &[0, 2, 8]),
        (103, 1, &[0]),
    ] {
        assert_eq!(passed_over(&option(code, &vec![0; good])), [], "{code}");
        for &length in bad {
            let bytes = [option(code, &vec![0; length]), option(999, &[1])].concat();
            let message = reply(&bytes);
            assert_eq!(codes(&message.options), [999]);
            let remark = Remark {
                option: code,
                inside: None,
                offset: Some(4),
                length,
                reason: RemarkReason::Length,
            };
            assert_eq!(message.notes.malformed(), [remark]);
        }
    }
    for (nested, within) in [(5_u16, 3_u16), (26, 25)] {
        let bytes = ia(within, 1, &option(nested, &[0; 23]));
        assert_eq!(
            passed_over(&bytes),
            [(nested, Some(within), 20, RemarkReason::Length)]
        );
    }
    for exclude in [[64].as_slice(), &[64; 18]] {
        let bytes = ia(25, 1, &prefix(48, &option(67, exclude)));
        assert_eq!(
            passed_over(&bytes),
            [(67, Some(26), 49, RemarkReason::Length)]
        );
    }
}

#[test]
fn values_that_are_made_of_parts_are_made_of_whole_ones() {
    let value = RemarkReason::Value;
    for (bytes, expected) in [
        (option(15, &[0, 1, 65, 0, 2, 66, 67]), vec![]),
        (
            option(15, &[0, 1, 65, 0, 2, 66]),
            vec![(15, None, 4, value)],
        ),
        (option(16, &[0, 0, 1, 0x37, 0, 1, 65]), vec![]),
        (
            option(16, &[0, 0, 1, 0x37, 0, 9, 65]),
            vec![(16, None, 4, value)],
        ),
        (option(17, &[0, 0, 0, 9, 0, 1, 0, 1, 7]), vec![]),
        (
            option(17, &[0, 0, 0, 9, 0, 1, 0, 1]),
            vec![(17, None, 4, value)],
        ),
        (option(56, &[0, 9, 0, 1, 7]), vec![]),
        (option(56, &[0, 1, 0, 16, 7]), vec![(56, None, 4, value)]),
        (ia(25, 1, &prefix(128, &[])), vec![]),
        (
            ia(25, 1, &prefix(129, &[])),
            vec![(26, Some(25), 20, value)],
        ),
    ] {
        assert_eq!(passed_over(&bytes), expected);
    }
}
