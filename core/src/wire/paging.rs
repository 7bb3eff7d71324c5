use super::{Command, PageHeader};
use core::num::NonZeroU16;

/// Getting all records of a mesh, page by page (`docs/protocol.md`, section 5).
///
/// Send [`MeshPages::query`]. For each page that comes, send [`Command::PageReceived`], and do what
/// [`MeshPages::on_page`] says. In all recordings one page had everything; the rest is inferred from the fields of query
/// and page, and bounded: whatever a bridge answers, there are at most as many queries as the constructor was told.
///
/// A one-byte result may come before the page. It says that the query was executed; the page still comes.
///
/// ```
/// use cync_core::wire::{Command, MeshPages, NextPage, PageHeader};
/// use core::num::NonZeroU16;
///
/// let mut pages = MeshPages::all(NonZeroU16::new(8).ok_or("zero")?);
/// assert_eq!(pages.query(), Command::QUERY_ALL);
/// let page = PageHeader { count: 31, offset: 0, total: 40 };
/// let rest = Command::MeshQuery { limit: 0xffff, offset: 31 };
/// assert_eq!(pages.on_page(page), NextPage::Query(rest));
/// let page = PageHeader { count: 9, offset: 31, total: 40 };
/// assert_eq!(pages.on_page(page), NextPage::Complete);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeshPages {
    limit: u16,
    offset: u16,
    left: u16,
    end: Option<NextPage>,
}

/// What to do after a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextPage {
    /// There are more records: send this.
    Query(Command),
    /// All records have come.
    Complete,
    /// There may be more records, but there were as many pages as were allowed, or the next record has no number.
    GaveUp,
}

impl MeshPages {
    /// Everything, with as few pages as the bridge can; `most` bounds their number.
    pub const fn all(most: NonZeroU16) -> Self {
        Self { limit: 0xffff, offset: 0, left: most.get().saturating_sub(1), end: None }
    }

    /// Everything, at most `limit` records a page.
    pub const fn of_at_most(limit: NonZeroU16, most: NonZeroU16) -> Self {
        Self { limit: limit.get(), ..Self::all(most) }
    }

    /// The query for the page that is waited for.
    pub const fn query(&self) -> Command {
        Command::MeshQuery { limit: self.limit, offset: self.offset }
    }

    /// Takes note of a page. Pages after the last one change nothing.
    ///
    /// More is asked for while fewer records have come than there are in all. A page that is as full as was asked for may
    /// not be the last one either, because some bridges may count only the page's own records. An empty page is the last one.
    pub fn on_page(&mut self, page: PageHeader) -> NextPage {
        if let Some(end) = self.end {
            return end;
        }
        let had = self.offset.checked_add(page.count);
        let is_last =
            page.count == 0 || page.count != self.limit && had.is_some_and(|had| had >= page.total);
        let next = match (is_last, had, self.left.checked_sub(1)) {
            (true, _, _) => NextPage::Complete,
            (false, Some(had), Some(left)) => {
                (self.offset, self.left) = (had, left);
                return NextPage::Query(self.query());
            }
            (false, _, _) => NextPage::GaveUp,
        };
        self.end = Some(next);
        next
    }
}
