//! The list of the matrix's rows and their tests, and the test that keeps it true.
//!
//! A row stands with the names of its tests, or with the word `next` when it is not required yet.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Rows of the matrix that must have a test now.
const REQUIRED: &[u32] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    27, 28, 29, 30, 31, 33, 35, 40, 45, 46, 47, 48, 51, 60, 66, 67, 69, 70, 71, 72, 73, 74, 77,
];

/// The last row there is.
const LAST_ROW: u32 = 78;

const TABLE: &str = "
1: t01_a_foreign_ca_or_no_certificate_gets_nothing t01_no_certificate_is_refused
2: t02_out_of_date_is_refused row_2_many_partners_that_look_out_of_date_make_our_own_clock_doubtful t02_many_partners_that_look_out_of_date_alarm_for_our_own_clock
3: t03_a_revoked_certificate_is_refused_by_reload_and_after_a_restart t03_a_revocation_reaches_a_node_through_its_partner row_3_and_4_and_7_the_interval_as_shipped_and_as_configurable_is_under_a_minute
4: t04_an_open_connection_ends_when_its_certificate_is_revoked t04_no_session_is_ever_resumed t04_connections_that_we_opened_end_when_the_partner_is_revoked t04_an_open_desk_connection_ends_when_its_certificate_is_revoked
5: t05_without_a_valid_list_nobody_is_let_in row_5_a_list_alarms_a_day_ahead_however_short_its_life_is
6: t06_two_distribution_points_hide_no_revocation t06_a_malformed_list_or_another_cas_list_refuses row_6_no_bytes_of_a_revocation_list_end_the_program
7: t07_a_suspended_member_passes_tls_and_is_told_so t07_a_suspended_member_passes_tls_and_its_open_connections_end t07_open_connections_in_both_directions_end_when_a_member_is_suspended
8: t08_a_key_that_is_not_pinned_is_refused t08_desk_and_node_certificates_keep_to_their_ports
9: t09_a_name_under_another_authoritys_ca_is_refused
10: t10_an_origin_that_is_not_the_peer_is_refused
11: t11_origins_are_compared_byte_by_byte t11_only_the_exact_name_is_let_in
12: t12_the_right_authority_with_a_wrong_key_is_refused
13: t13_keys_pass_until_a_day_after_they_retire_and_never_when_revoked row_13_keys_pass_until_a_day_after_they_retire_and_never_when_revoked t13_a_new_signing_key_is_taken_once_it_is_published
14: t14_certificates_over_keys_off_the_list_are_refused t14_signatures_that_are_not_ed25519_are_refused
15: t15_no_flipped_byte_of_header_signature_or_statement_is_accepted row_15_any_flipped_byte_is_refused
16: t16_the_same_fields_in_other_bytes_are_not_signed
17: t17_an_exact_replay_gets_the_same_receipt_and_no_second_effect
18: t18_other_content_under_a_known_id_is_refused_and_alarms
19: t19_what_is_addressed_to_another_is_refused
20: t20_changed_recipients_are_refused
21: t21_anothers_envelope_is_not_relayed
22: t22_a_newer_update_by_another_than_the_owner_is_refused
23: t23_a_header_that_names_x_and_a_body_that_changes_y_are_refused
24: t24_a_forged_receipt_is_ignored_told_and_the_statement_stays_pending
25: t25_the_future_is_put_off_and_alarms t25_a_statement_refused_for_the_clock_is_kept_and_sent_again
26: t26_past_its_carriage_is_refused_for_good t26_what_came_too_late_is_shown_as_refused
27: t27_too_large_a_statement_is_refused_in_band_and_too_large_a_frame_ends_the_stream t27_too_large_an_alert_is_refused_at_submit
28: t28_a_compressed_message_is_not_unpacked
29: t29_nesting_bombs_are_errors_and_crash_nothing
30: t30_unknown_fields_are_kept_as_they_came
31: t31_a_greeting_in_another_version_or_federation_is_refused t31_unknown_versions_kinds_and_critical_features_are_refused_until_known t31_what_a_partner_does_not_know_yet_is_held_until_a_person_acts
32: row_32_escape_never_emits_what_hides
33: t33_one_that_is_always_refused_holds_up_no_other t33_a_retry_reason_never_becomes_final_by_counting
34: next
35: t35_after_a_lost_acknowledgement_the_repeat_is_acknowledged t35_without_an_acknowledgement_it_is_sent_again_as_it_was
36: next
37: next
38: row_38_a_full_disk_is_told_before_the_reserve_is_used_and_recovers
39: row_39_a_failed_write_or_sync_is_never_tried_again
40: t40_a_damaged_journal_refuses_the_start_and_names_file_and_command t40_a_damaged_view_is_set_aside_and_rebuilt
41: next
42: next
43: next
44: next
45: row_45_nothing_goes_back_and_nothing_forks t45_arbitrary_installation_does_not_verify t45_rollback_of_a_part_is_refused t45_rollback_of_the_whole_is_refused t45_endless_data_is_cut_off t45_what_does_not_belong_to_it_is_refused t45_mix_and_match_is_refused t45_a_true_document_in_the_wrong_place_is_refused t45_a_fork_is_refused_and_named t45_another_truth_of_our_version_is_asked_for_and_kept_as_evidence t45_bytes_that_are_no_directory_are_refused t45_a_node_that_was_away_for_three_versions_catches_up_from_a_partner
46: row_46_standing_follows_the_clock t46_who_holds_a_newer_one_back_is_named t46_a_partner_that_prevents_updates_stops_nobody t46_a_directory_that_has_run_out_alarms_and_is_asked_for
47: row_47_roots_step_by_one t47_fast_forward_is_refused t47_a_root_of_a_far_version_is_refused row_47_a_stolen_timestamp_key_cannot_use_up_the_versions
48: row_48_thresholds_count_distinct_keys_of_old_and_new_roots t48_a_stolen_timestamp_key_makes_no_member t48_one_root_key_of_two_makes_nothing
49: next
50: next
51: t51_a_second_process_on_the_same_store_is_refused
52: next
53: next
54: next
55: t55_a_silent_caller_is_put_out_within_the_deadline
56: next
57: t57_a_fragmented_client_hello_is_understood
58: t58_only_our_own_need_pauses_the_loop
59: next
60: t60_what_is_not_the_exchange_is_not_there
61: next
62: next
63: next
64: next
65: next
66: t66_each_mistake_names_its_file_and_its_fix t66_a_broken_file_takes_no_running_node_down
67: row_67_a_signing_key_is_replaced_step_by_step_and_no_step_comes_too_early row_67_a_node_certificate_is_replaced_and_the_old_one_revoked_a_minute_later row_67_a_pinned_certificate_is_published_before_it_is_shown row_67_a_key_whose_directory_was_replaced_by_one_without_it_waits_anew
68: next
69: t69_index_path_size_and_purpose_belong_to_the_signature
70: t70_a_recall_before_its_alert_is_kept_and_applied_when_it_comes
71: t71_only_owners_change_and_only_participants_write
72: t72_a_squatted_id_takes_nothing_from_its_true_origin
73: t73_a_bad_group_with_a_seal_after_it_stops_the_start t73_a_bad_last_group_without_a_seal_is_cut_and_journaled
74: row_74_what_only_the_page_cache_shows_is_written_and_synced_anew
75: next
76: next
77: t77_without_its_key_the_store_is_not_opened_and_not_touched
78: next
";

/// A row's tests; `None`: next.
fn rows() -> Vec<(u32, Option<Vec<&'static str>>)> {
    let lines = TABLE.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (row, tests) = line.split_once(": ").expect("`row: tests`");
            let names: Vec<_> = tests.split(' ').collect();
            let listed = (names != ["next"]).then_some(names);
            (row.parse().expect("a number"), listed)
        })
        .collect()
}

/// Names of all functions of this crate that are named after a row.
fn written() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for file in rust_files(&root.join("src"))
        .into_iter()
        .chain(rust_files(&root.join("tests")))
    {
        let text = fs::read_to_string(&file).expect("read");
        let after_fn = text.lines().filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("async fn ").or(line.strip_prefix("fn "))
        });
        names.extend(
            after_fn
                .filter_map(|rest| rest.split_once('('))
                .map(|(name, _)| name.to_owned())
                .filter(|name| !rows_of(name).is_empty()),
        );
    }
    names
}

/// The rows that a test's name begins with: `t40_..`, `row_40_and_73_..`.
fn rows_of(name: &str) -> Vec<u32> {
    let rest = match name.strip_prefix("row_") {
        Some(rest) => rest,
        None => match name.strip_prefix('t') {
            Some(rest) => rest,
            None => return vec![],
        },
    };
    rest.split('_')
        .filter(|word| *word != "and")
        .map_while(|word| word.parse().ok())
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_required_row_has_a_test() {
    let (rows, written) = (rows(), written());
    let numbers: Vec<u32> = rows.iter().map(|(row, _)| *row).collect();
    let all: Vec<u32> = (1..=LAST_ROW).collect();
    assert_eq!(numbers, all, "every row stands once, in order");
    for (row, tests) in &rows {
        let Some(tests) = tests else {
            assert!(
                !REQUIRED.contains(row),
                "row {row} is required and has no test"
            );
            continue;
        };
        for test in tests {
            assert!(written.contains(*test), "row {row}: there is no `{test}`");
            assert!(
                rows_of(test).contains(row),
                "row {row}: `{test}` is of another"
            );
        }
    }
    let listed: BTreeSet<&str> = rows
        .iter()
        .filter_map(|(_, tests)| tests.as_deref())
        .flatten()
        .copied()
        .collect();
    let ours = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/threats"));
    let texts: Vec<_> = ours
        .iter()
        .map(|file| fs::read_to_string(file).expect("read"))
        .collect();
    for name in &written {
        let here = texts
            .iter()
            .any(|text| text.contains(&format!("fn {name}(")));
        assert!(
            !here || listed.contains(name.as_str()),
            "`{name}` is not listed"
        );
    }
}

#[test]
fn names_tell_their_rows() {
    for (name, rows) in [
        ("t01_x", vec![1]),
        ("row_40_and_73_a_bad", vec![40, 73]),
        ("t60_2_is_no_row", vec![60, 2]),
        ("the_rest", vec![]),
        ("row_of_things", vec![]),
        ("told", vec![]),
    ] {
        assert_eq!(rows_of(name), rows, "{name}");
    }
}
