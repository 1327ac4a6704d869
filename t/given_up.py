"""What a directive gives up by contract, and the tests that are about it: left out where --http-extra turns it on.

A name stands for all its parameters; with some of them, only for those.
"""

GIVEN_UP = {
    "sse_compact on;": {
        "the access log at the end of a stream, with the request's variables": [
            "test_broker_faults.py::test_a_stream_outlives_a_redis_that_ends_and_comes_back",
            "test_drain.py::test_nothing_is_lost_before_the_end[",
            "test_drain.py::test_a_hundred_ends_make_no_herd",
            "test_drain_redis.py::test_streams_of_a_reload_while_redis_is_away_live_and_end_as_always",
            "test_drain_redis.py::test_redis_goes_away_and_comes_back_in_the_middle_of_a_drain",
            "test_hostile_floods.py::test_hundreds_of_connections_that_send_or_read_a_byte_at_a_time",
            "test_reload.py::test_streams_end_and_are_not_deaf_when_a_long_request_holds_the_old_worker",
            "test_reload.py::test_streams_of_a_location_that_vanishes_are_drained_as_any_others",
            "test_reload.py::test_ten_reloads_one_right_after_the_other",
            "test_send_timeout.py::test_a_reader_that_never_has_much_room_but_takes_bytes_stays",
            "test_send_timeout.py::test_a_stuck_reader_is_closed_when_a_byte_has_waited_so_long",
            "test_send_timeout.py::test_bytes_taken_just_in_time_do_not_count_against_those_behind_them",
            "test_upgrade.py::test_the_old_binary_drains_and_the_new_one_serves",
            "test_upgrade.py::test_the_old_binary_takes_over_again_when_the_new_one_is_not_wanted",
        ],
        "the connection after the stream": [
            "test_hostile_requests.py::test_they_are_answered_when_the_stream_has_ended",
            "test_limits.py::test_the_connection_can_be_used_again_after_a_lifetime",
            "test_next_request.py::test_streams_and_files_follow_each_other_on_a_connection",
        ],
        "limit_conn": [
            "test_in_front.py::test_limit_conn_counts_a_stream_as_long_as_it_lives",
            "test_retry_later.py::test_who_is_over_limit_conn_is_told_to_come_again",
        ],
        "the connection's number in the error log": [
            "test_direct_path.py::test_a_burst_costs_each_subscriber_few_system_calls",
            "test_direct_path.py::test_the_messages_of_several_channels_share_a_system_call",
        ],
    },
}


def is_given_up(item_id, http_extra):
    return any(
        f"/{name}" in f"/{item_id}"
        for directive, reasons in GIVEN_UP.items()
        if directive in http_extra
        for names in reasons.values()
        for name in names
    )
