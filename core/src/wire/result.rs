use super::{Direction, Frame, PageHeader, StatusCode};

/// What a result frame reports, `f9` (`docs/protocol.md`, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ResultData {
    /// Executed, or why not.
    Status(StatusCode),
    /// Records, and so the execution of a mesh query. [`Meaning::MeshPage`](super::Meaning::MeshPage) has them.
    Page(PageHeader),
    /// Something else. It does not say whether anything was executed.
    Other,
}

impl ResultData {
    /// What `frame` reports; `None` if it is no result.
    pub fn of(frame: &Frame<'_>) -> Option<Self> {
        if frame.direction != Direction::RESPONSE {
            return None;
        }
        Some(match (frame.data.single(), PageHeader::of(frame)) {
            (Some(status), _) => Self::Status(StatusCode(status)),
            (None, Some(header)) => Self::Page(header),
            (None, None) => Self::Other,
        })
    }

    /// What the result says of the execution, if it says anything.
    pub const fn status(self) -> Option<StatusCode> {
        match self {
            Self::Status(status) => Some(status),
            Self::Page(_) => Some(StatusCode::OK),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::op;
    use std::vec;

    fn of(op: u8, data: &[u8]) -> Option<ResultData> {
        ResultData::of(&Frame::response(7, op, data))
    }

    #[test]
    fn one_byte_is_a_status_whatever_the_operation() {
        for op in 0..=u8::MAX {
            for status in [0, 1, 0xff] {
                let result = of(op, &[status]);
                assert_eq!(result, Some(ResultData::Status(StatusCode(status))));
                assert_eq!(result.and_then(ResultData::status), Some(StatusCode(status)));
            }
        }
    }

    #[test]
    fn a_page_is_one_only_if_its_records_are_as_many_as_it_says() {
        for count in 0..4_u16 {
            let header = PageHeader { count, offset: 0x0102, total: 0x0304 };
            for len in 0..120 {
                let mut data = vec![0; len];
                for (to, from) in data.iter_mut().zip([count as u8, 0, 2, 1, 4, 3]) {
                    *to = from;
                }
                let expected = match len {
                    1 => ResultData::Status(StatusCode(count as u8)),
                    _ if len == 6 + 24 * usize::from(count) => ResultData::Page(header),
                    _ => ResultData::Other,
                };
                assert_eq!(of(op::MESH_QUERY, &data), Some(expected), "{count} {len}");
                if len != 1 {
                    assert_eq!(of(op::POWER, &data), Some(ResultData::Other));
                }
            }
        }
    }

    #[test]
    fn a_request_and_an_announcement_are_no_results() {
        assert_eq!(ResultData::of(&Frame::request(1, op::MESH_QUERY, &[0])), None);
        assert_eq!(ResultData::of(&Frame::announce(1, op::MESH_QUERY, &[0])), None);
    }

    #[test]
    fn other_data_says_nothing_of_the_execution() {
        assert_eq!(ResultData::Other.status(), None);
        let header = PageHeader { count: 0, offset: 0, total: 0 };
        assert_eq!(ResultData::Page(header).status(), Some(StatusCode::OK));
    }
}
