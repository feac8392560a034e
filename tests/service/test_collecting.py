"""The collector of cycles while a node answers."""

import gc

from service.collecting import ANSWERING, IMPORTING, seldom_collected


def test_what_is_loaded_is_not_looked_at_and_the_usual_comes_back() -> None:
    usual, before = gc.get_threshold(), gc.get_freeze_count()
    with seldom_collected(ANSWERING):
        frozen = gc.get_freeze_count()
        assert frozen > before
        assert gc.get_threshold()[0] == ANSWERING
        with seldom_collected(IMPORTING):  # an import inside a node that answers
            assert gc.get_threshold()[0] == IMPORTING
        assert gc.get_freeze_count() == frozen
        assert gc.get_threshold()[0] == ANSWERING
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == before
