"""A client that still pages by the names of before learns the present one."""

import pytest
from multidict import MultiDict

from common.errors import Invalid
from common.http.paging import PageByName, PageByNumber
from common.http.parse import from_query
from common.work.api import WorkQuery


@pytest.mark.parametrize("former", ["after", "before"])
@pytest.mark.parametrize("page", [PageByName, PageByNumber, WorkQuery])
def test_a_former_cursor_is_refused_with_its_present_name(page: type[PageByNumber | PageByName], former: str) -> None:
    """Lists were paged by `after` or `before` once."""
    with pytest.raises(Invalid) as refused:
        from_query(page, MultiDict({former: "5"}))

    assert [(each.field, each.remedy) for each in refused.value.problems] == [(former, "Send `cursor` instead.")]
