"""The collector of cycles while a node answers."""

import gc
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from service.collecting import ANSWERING, IMPORTING, resting, seldom_collected


def test_what_is_loaded_is_not_looked_at_and_the_usual_comes_back() -> None:
    # In a process of its own: a node that other tests have running here has frozen this one's.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as beside:
        beside.submit(_look).result()


def _look() -> None:
    usual = gc.get_threshold()
    assert gc.get_freeze_count() == 0
    with resting():
        assert not gc.isenabled()
        loaded = [[] for _ in range(usual[0])]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert not any(one is loaded for one in gc.get_objects(generation=0))
    assert any(one is loaded for one in gc.get_objects(generation=2))
    with seldom_collected(ANSWERING):
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] == ANSWERING
        with seldom_collected(IMPORTING):  # an import inside a node that answers
            assert gc.get_threshold()[0] == IMPORTING
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] == ANSWERING
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0
