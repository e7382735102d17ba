//! The id of a topic, which alone tells a topic from another that was made later under the same name.
//!
//! The id is not in the safe interface of `rdkafka`: this is the one module of the program that calls the C library by itself.
//! Invariant: every object made here is destroyed here, and nothing that points into one is kept.
#![allow(unsafe_code)]

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::time::Duration;

/// What the cluster says of a topic's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicId {
    /// Its id.
    Is(String),
    /// There is no such topic.
    Absent,
    /// It cannot tell; in its own words.
    Unknown(String),
}

/// Asks for the ids of topics.
///
/// # Errors
/// The client's words when no answer comes within `timeout`.
pub fn topic_ids<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &[String],
    timeout: Duration,
) -> Result<BTreeMap<String, TopicId>, String> {
    let names: Vec<CString> = topics.iter().filter_map(|topic| CString::new(topic.as_str()).ok()).collect();
    let mut pointers: Vec<*const std::ffi::c_char> = names.iter().map(|name| name.as_ptr()).collect();
    if pointers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let client = consumer.client().native_ptr();
    // SAFETY: `client` lives as long as `consumer`. The collection copies the names. The options, the collection and the queue are
    // destroyed once each, behind their last use; `read` copies what it needs before the event is destroyed.
    unsafe {
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let options =
            sys::rd_kafka_AdminOptions_new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        let mut words = [0; 256];
        sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, words.as_mut_ptr(), words.len());
        let queue = sys::rd_kafka_queue_new(client);
        sys::rd_kafka_DescribeTopics(client, collection, options, queue);
        let event = sys::rd_kafka_queue_poll(queue, timeout_ms);
        sys::rd_kafka_TopicCollection_destroy(collection);
        sys::rd_kafka_AdminOptions_destroy(options);
        let found = if event.is_null() { Err("no answer in time".to_owned()) } else { read(event) };
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        found
    }
}

/// Copies the answer out of an event.
///
/// # Safety
/// `event` is an event of a queue that got the answer of `rd_kafka_DescribeTopics`, and is not destroyed before this returns.
unsafe fn read(event: *mut sys::rd_kafka_event_t) -> Result<BTreeMap<String, TopicId>, String> {
    let no_error = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
    // SAFETY: every pointer comes from the event, which outlives this call, and is checked before it is followed; `count` is the
    // length that the library gives for the array beside it.
    unsafe {
        if sys::rd_kafka_event_error(event) != no_error {
            return Err(text(sys::rd_kafka_event_error_string(event)));
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err("the answer is of another kind".to_owned());
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        let mut ids = BTreeMap::new();
        for index in 0..count {
            let topic = *topics.add(index);
            let error = sys::rd_kafka_TopicDescription_error(topic);
            let code = if error.is_null() { no_error } else { sys::rd_kafka_error_code(error) };
            let id = match code {
                code if code == no_error => {
                    TopicId::Is(text(sys::rd_kafka_Uuid_base64str(sys::rd_kafka_TopicDescription_topic_id(topic))))
                }
                sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => TopicId::Absent,
                _ => TopicId::Unknown(text(sys::rd_kafka_error_string(error))),
            };
            ids.insert(text(sys::rd_kafka_TopicDescription_name(topic)), id);
        }
        Ok(ids)
    }
}

/// A copy of a C string; empty for none.
///
/// # Safety
/// `pointer` is null or points to a string that ends with a zero byte.
unsafe fn text(pointer: *const std::ffi::c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: as this function demands.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
