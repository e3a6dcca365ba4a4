"""An engine as options of `vllm serve`, which state the same engine again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.engines.engine import Engine
from advisor.spec.engines.serve_options import engine_options, option_words
from advisor.spec.engines.settings_from_conditions import stated_settings

SWITCH = st.none() | st.booleans()


@given(
    engine=st.builds(
        Engine,
        max_num_seqs=st.none() | st.integers(1, 4096),
        max_num_batched_tokens=st.none() | st.integers(1, 65_536),
        gpu_memory_utilization=st.none() | st.sampled_from([0.5, 0.85, 0.92]),
        stream_interval=st.none() | st.integers(1, 50),
        prefix_caching=SWITCH,
        async_scheduling=SWITCH,
        enforce_eager=st.none() | st.just(True),
        compilation=st.none() | st.just(False),
        allreduce_fusion=SWITCH,
    )
)
def test_what_the_options_of_a_server_state_is_the_engine(engine: Engine) -> None:
    assert stated_settings(" ".join(option_words(engine_options(engine)))) == engine.stated


def test_no_compilation_may_be_written_in_two_ways() -> None:
    assert stated_settings("vllm serve m -O0") == {"compilation": False}
    assert stated_settings("vllm serve m --optimization-level 0") == {"compilation": False}
    assert stated_settings("vllm serve m --optimization-level 2") == {}
