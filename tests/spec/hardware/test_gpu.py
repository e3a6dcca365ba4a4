"""GPUs: the catalog agrees with data sheets and with itself, and names people type find them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import UnknownNameError
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.gpu import ComputeType, GpuSpec
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.units import GIB

DEPLOYED = [
    "T4",
    "V100",
    "A10",
    "A10G",
    "A30",
    "A40",
    "A5000",
    "A6000",
    "A100-SXM-40GB",
    "A100-SXM-80GB",
    "A100-PCIe-40GB",
    "A100-PCIe-80GB",
    "L4",
    "L40",
    "L40S",
    "RTX3090",
    "RTX4090",
    "RTX5090",
    "RTX6000-Ada",
    "RTX-PRO-6000",
    "H100-SXM",
    "H100-PCIe",
    "H100-NVL",
    "H20",
    "H200",
    "GH200",
    "B200",
    "B300",
    "GB200",
    "MI300X",
    "MI325X",
    "MI355X",
]

DATA_NAMES = {
    # as InferenceX runs, model cards, benchmark repositories and price lists spell them
    "b300_sxm": "B300",
    "b200_sxm": "B200",
    "h200_sxm": "H200",
    "h100_sxm": "H100-SXM",
    "h100_pcie": "H100-PCIe",
    "a100_sxm": "A100-SXM-80GB",
    "a100_pcie": "A100-PCIe-80GB",
    "rtx_pro_6000_server": "RTX-PRO-6000",
    "A6000": "A6000",
    "A100": "A100-SXM-80GB",
    "H100": "H100-SXM",
    "A5000": "A5000",
    "A100-80GB-SXM": "A100-SXM-80GB",
    "A100-40GB-SXM": "A100-SXM-40GB",
    "A800-80GB-SXM": "A800-SXM-80GB",
    "H200-SXM": "H200",
    "MI250": "MI250",
    "GH200": "GH200",
    "MI300X": "MI300X",
    "V100-32GB": "V100-32GB",
    "V100S-32GB": "V100S-32GB",
    "RTX3090": "RTX3090",
    "RTX4090": "RTX4090",
    "RTX4090D": "RTX4090D",
    "L4": "L4",
    "T4": "T4",
    "B200": "B200",
    "A100 (80 GB)": "A100-SXM-80GB",
    "A100 (40 GB)": "A100-SXM-40GB",
    "A100-80GB": "A100-SXM-80GB",
    "A100-80GB-PCIe": "A100-PCIe-80GB",
    "V100 (16 GB)": "V100-16GB",
    "V100 (32 GB)": "V100-32GB",
    "V100": "V100-16GB",
    "A10G (24 GB)": "A10G",
    "A40 (48 GB)": "A40",
    "RTX A6000 (48 GB)": "A6000",
    "H100 HGX (80GB)": "H100-SXM",
    "H100 PCIe (80GB)": "H100-PCIe",
    "GH200 (96 GB)": "GH200",
    "GB200 NVL72": "GB200",
    "GB300 NVL72": "GB300",
    "RTX6000Ada": "RTX6000-Ada",
    "RTX-PRO-6000": "RTX-PRO-6000",
}
TYPED = {
    "h100": "H100-SXM",
    "H100-80GB": "H100-SXM",
    "a6000": "A6000",
    "RTX4090": "RTX4090",
    "rtx 4090": "RTX4090",
    "4090": "RTX4090",
    "a100_sxm": "A100-SXM-80GB",
    "A100-40GB": "A100-SXM-40GB",
    "mi300x": "MI300X",
    "l40s": "L40S",
    "rtx 6000 ada": "RTX6000-Ada",
}
NVIDIA_SMI = {
    "Tesla T4": "T4",
    "Tesla V100-SXM2-16GB": "V100-16GB",
    "NVIDIA A10G": "A10G",
    "NVIDIA RTX A6000": "A6000",
    "NVIDIA A100-SXM4-80GB": "A100-SXM-80GB",
    "NVIDIA A100 80GB PCIe": "A100-PCIe-80GB",
    "NVIDIA A100-PCIE-40GB": "A100-PCIe-40GB",
    "NVIDIA A800-SXM4-80GB": "A800-SXM-80GB",
    "NVIDIA GeForce RTX 3090": "RTX3090",
    "NVIDIA GeForce RTX 4090": "RTX4090",
    "NVIDIA GeForce RTX 5090": "RTX5090",
    "NVIDIA GeForce RTX 5090 D": "RTX5090D",
    "NVIDIA GeForce RTX 5090 D v2": "RTX5090D-V2",
    "NVIDIA RTX 6000 Ada Generation": "RTX6000-Ada",
    "NVIDIA RTX PRO 6000 Blackwell Server Edition": "RTX-PRO-6000",
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": "RTX-PRO-6000-Workstation",
    "NVIDIA H100 80GB HBM3": "H100-SXM",
    "NVIDIA H100 PCIe": "H100-PCIe",
    "NVIDIA H100 NVL": "H100-NVL",
    "NVIDIA H20": "H20",
    "NVIDIA H200": "H200",
    "NVIDIA GH200 480GB": "GH200",
    "NVIDIA B200": "B200",
    "NVIDIA B300 SXM6 AC": "B300",
    "NVIDIA GB200": "GB200",
    "NVIDIA L40S": "L40S",
    "AMD Instinct MI300X": "MI300X",
}


@pytest.mark.parametrize(("name", "canonical"), [*DATA_NAMES.items(), *TYPED.items(), *NVIDIA_SMI.items()])
def test_names_people_tools_and_data_sets_use_find_their_gpu(name: str, canonical: str) -> None:
    assert find_gpu(name).name == canonical


@pytest.mark.parametrize("name", DEPLOYED)
def test_every_gpu_people_deploy_on_is_known(name: str) -> None:
    assert find_gpu(name).name in {gpu.name for gpu in known_gpus()}


@given(st.data())
def test_case_and_separators_do_not_matter(data: st.DataObject) -> None:
    gpu = data.draw(st.sampled_from(known_gpus()))
    spelled = "".join(
        data.draw(st.sampled_from([c.upper(), c.lower()]))
        if c.isalnum()
        else data.draw(st.sampled_from("-_ ."))
        for c in gpu.name
    )
    assert find_gpu(spelled) is gpu


def test_an_unknown_name_gets_the_nearest_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown GPU 'H1000'; did you mean H100,"):
        find_gpu("H1000")


@pytest.mark.parametrize("name", ["H1000", "RTX 9090", "h100 sxm6", "Voodoo 3", "what"])
def test_an_unknown_name_always_gets_the_way_by_yaml(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"describe yours in YAML: --gpu it\.yaml") as caught:
        find_gpu(name)
    assert len(str(caught.value).splitlines()) == 1


CARDS = {
    # nvidia-smi's and rocm-smi's names, and what people type
    "NVIDIA GeForce RTX 3060": "RTX3060-12GB",
    "NVIDIA GeForce RTX 4060 Ti": "RTX4060Ti-16GB",
    "rtx 4070 ti super": "RTX4070TiS",
    "NVIDIA GeForce RTX 5080": "RTX5080",
    "5070": "RTX5070",
    "NVIDIA RTX A4000": "A4000",
    "NVIDIA RTX 4000 SFF Ada Generation": "RTX4000-SFF-Ada",
    "NVIDIA RTX 5000 Ada Generation": "RTX5000-Ada",
    "NVIDIA RTX PRO 4500 Blackwell": "RTX-PRO-4500",
    "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition": "RTX-PRO-6000-Max-Q",
    "Quadro RTX 8000": "Quadro-RTX8000",
    "TITAN RTX": "TITAN-RTX",
    "NVIDIA A2": "A2",
    "NVIDIA A16": "A16",
    "NVIDIA L20": "L20",
    "NVIDIA H200 NVL": "H200-NVL",
    "NVIDIA H20-3e": "H20-141GB",
    "H20 141G": "H20-141GB",
    "NVIDIA GH200 144G HBM3e": "GH200-144GB",
    "4090 48G": "RTX4090-48GB",
    "2080 Ti 22GB": "RTX2080Ti-22GB",
    "Strix Halo": "RADEON-8060S",
    "AMD Ryzen AI Max+ 395 w/ Radeon 8060S": "RADEON-8060S",
    "DGX Spark": "GB10",
    "NVIDIA GB10": "GB10",
    "Jetson AGX Orin": "Jetson-AGX-Orin-64GB",
    "Jetson Thor": "Jetson-T5000",
    "AMD Radeon RX 7900 XTX": "RX7900XTX",
    "7900 xtx": "RX7900XTX",
    "AMD Radeon AI PRO R9700": "R9700",
    "AMD Instinct MI210": "MI210",
    "MI350X": "MI350X",
    "AMD Instinct MI308X": "MI308X",
    "NVIDIA T4G": "T4",
    "Tesla T10": "T10",
    "NVIDIA A10M": "A10M",
    "NVIDIA A100X": "A100X",
    "NVIDIA L2": "L2",
    "NVIDIA RTX 6000D": "RTX-PRO-6000D",
    "AMD Radeon RX 7700 XT": "RX7700XT",
    "AMD Radeon AI PRO R9700S": "R9700S",
    "NVIDIA GeForce RTX 3080 Ti Laptop GPU": "RTX3080Ti-Laptop",
    "NVIDIA RTX A5000 Laptop GPU": "A5000-Laptop",
    "rtx 4090 laptop": "RTX4090-Laptop",
    "NVIDIA RTX 5000 Ada Generation Laptop GPU": "RTX5000-Ada-Laptop",
    "NVIDIA GeForce RTX 5090 Laptop GPU": "RTX5090-Laptop",
    "NVIDIA RTX PRO 5000 Blackwell Generation Laptop GPU": "RTX-PRO-5000-Laptop",
}


@pytest.mark.parametrize(("name", "canonical"), CARDS.items())
def test_cards_of_workstations_and_desktops_are_known(name: str, canonical: str) -> None:
    assert find_gpu(name).name == canonical


@pytest.mark.parametrize(
    ("name", "compute", "with_sparsity"),
    [
        # "AI TOPS" and tensor TFLOPS as NVIDIA prints them, with 2:4 sparsity: twice the dense rate
        ("RTX5080", "fp4", 1_801),
        ("RTX5070Ti", "fp4", 1_406),
        ("RTX-PRO-4500", "fp4", 1_617),
        ("RTX-PRO-5000", "fp4", 2_142),
        ("RTX4500-Ada", "fp8", 634),
        ("RTX5000-Ada", "fp8", 1_044.4),
        ("RTX2000-Ada", "fp8", 191.9),
        ("A4000", "fp16", 153.4),
        ("A2", "int8", 72),
        ("RTX4080S", "int8", 836),
        ("Jetson-AGX-Orin-64GB", "int8", 170),
        ("GB10", "fp4", 1_000),
    ],
)
def test_derived_rates_are_half_of_what_is_printed_with_sparsity(
    name: str, compute: ComputeType, with_sparsity: float
) -> None:
    assert find_gpu(name).dense_tflops[compute] == pytest.approx(with_sparsity / 2, rel=0.01)


def test_a_laptop_gpu_is_alone_in_its_machine_and_slower_than_the_card_of_its_name() -> None:
    laptops = [gpu for gpu in known_gpus() if gpu.name.endswith("-Laptop")]
    assert len(laptops) >= 16
    cards = {gpu.name: gpu for gpu in known_gpus()}
    for gpu in laptops:
        assert gpu.gpus_per_node == 1, gpu.name
        card = cards.get(gpu.name.removesuffix("-Laptop"))
        if card is not None and "GeForce" in gpu.title:  # RTX 4000 Ada: the laptop's chip is the larger one
            assert gpu.dense_tflops["fp16"] < card.dense_tflops["fp16"], gpu.name  # type: ignore[operator]
            assert gpu.memory_bandwidth_gb_s <= card.memory_bandwidth_gb_s, gpu.name


def test_a_family_prints_as_people_know_it() -> None:
    assert find_gpu("NVIDIA A100-SXM4-80GB").label == "A100"
    assert find_gpu("A100-40GB").label == "A100-SXM-40GB"
    assert find_gpu("rtx4090").label == "RTX4090"


def test_each_family_has_exactly_one_usual_variant() -> None:
    usual = [gpu.family for gpu in known_gpus() if gpu.usual]
    assert sorted(usual) == sorted({gpu.family for gpu in known_gpus()})


@pytest.mark.parametrize(
    ("name", "memory_mib", "bandwidth_gb_s", "bf16", "int8", "fp8", "fp4"),
    [
        # nvidia-smi totals; rates from the sources that the catalog rows cite
        ("A6000", 49_140, 768, 154.8, 309.6, None, None),
        ("A100-SXM-80GB", 81_920, 2_039, 312, 624, None, None),
        ("H100-SXM", 81_559, 3_350, 989, 1_979, 1_979, None),
        ("H200", 143_771, 4_800, 989, 1_979, 1_979, None),
        ("H20-141GB", 143_771, 4_800, 148, 296, 296, None),
        # 40 compute units x 512 FLOP x 2.9 GHz; 8,000 MT/s on 256 bits
        ("RADEON-8060S", 98_304, 256, 59.4, 59.4, None, None),
        ("L40S", 46_068, 864, 362, 733, 733, None),
        ("L4", 23_034, 300, 121, 242, 242, None),
        ("B200", 183_359, 7_700, 2_250, 4_500, 4_500, 9_000),
        ("B300", 275_040, 7_700, 2_250, 153.5, 4_500, 14_000),
        ("RTX4090", 24_564, 1_008, 165.2, 660.6, 330.3, None),
        ("RTX5090", 32_607, 1_792, 209.5, 838, 419, 1_676),
        ("RTX5090D", 32_607, 1_792, 148.4, 593.8, 296.9, 1_187.5),
        ("RTX5090D-V2", 24_576, 1_344, 148.4, 593.8, 296.9, 1_187.5),
        ("MI300X", 196_592, 5_300, 1_307.4, 2_614.9, 2_614.9, None),
        # 80 of the MI300X's 304 compute units
        ("MI308X", 196_592, 5_300, 344, 688, 688, None),
        ("L2", 24_576, 300, 96.5, 193, 193, None),
        # 28 chips of GDDR7 on 448 bits; 156 SMs at 2,430 MHz
        ("RTX-PRO-6000D", 86_016, 1_570, 388.2, 776.4, 776.4, 1_553),
        # 82 SMs at 2,160 MHz, 32-bit accumulation halved
        ("RTX5090-Laptop", 24_576, 896, 90.69, 362.7, 181.4, 725.5),
    ],
)
def test_figures_are_the_dense_ones_of_the_data_sheets(
    name: str,
    memory_mib: int,
    bandwidth_gb_s: float,
    bf16: float,
    int8: float,
    fp8: float | None,
    fp4: float | None,
) -> None:
    gpu = find_gpu(name)
    assert gpu.memory_mib == memory_mib
    assert gpu.memory_bandwidth_gb_s == bandwidth_gb_s
    rates = gpu.dense_tflops
    assert (rates["bf16"], rates["int8"], rates["fp8"], rates["fp4"]) == (bf16, int8, fp8, fp4)


def test_the_memory_of_the_mi300x_is_what_rocm_smi_prints_in_bytes() -> None:
    assert find_gpu("MI300X").memory_bytes == 206_141_652_992


def test_units_are_decimal_for_rates_and_binary_for_memory() -> None:
    h100 = find_gpu("H100")
    assert h100.memory_bytes_per_s == 3.35e12
    assert h100.flop_per_s("fp8") == 1.979e15
    assert h100.flop_per_s("fp4") is None
    assert h100.memory_bytes == 81_559 * 1_048_576
    assert h100.link_bytes_per_s == 450e9


@pytest.mark.parametrize("gpu", known_gpus(), ids=lambda gpu: gpu.name)
def test_every_row_is_possible_and_cited(gpu: GpuSpec) -> None:
    assert gpu.sources
    assert 11 * GIB < gpu.memory_bytes < 320 * GIB
    assert 100 <= gpu.memory_bandwidth_gb_s <= 10_000
    rates = gpu.dense_tflops
    fp16, bf16, int8, fp8, fp4 = (rates[key] for key in ("fp16", "bf16", "int8", "fp8", "fp4"))
    assert fp16 is not None
    assert bf16 == (None if gpu.vendor == "nvidia" and gpu.capability < 8 else fp16)
    if fp8 is not None:
        # Data sheets round: L40S has 733 against 2 x 362.
        assert fp8 == pytest.approx(2 * fp16, rel=0.02)
    if fp4 is not None:
        assert fp8 is not None
        assert fp4 >= 1.9 * fp8
    # INT8 is twice FP16; GeForce halves FP16 only, Blackwell Ultra dropped INT8, CDNA2 and RDNA3 do not add.
    if int8 is not None and gpu.capability != 10.3:
        factor = 4 if "GeForce" in gpu.title else 1 if gpu.architecture in ("cdna2", "rdna3") else 2
        assert int8 == pytest.approx(factor * fp16, rel=0.02)
    has_fp8 = gpu.vendor == "amd" and (9.42 <= gpu.capability < 10 or gpu.capability >= 12)
    assert (fp8 is not None) == (gpu.capability >= 8.9 if gpu.vendor == "nvidia" else has_fp8)
    assert (fp4 is not None) == ((gpu.vendor == "nvidia" and gpu.capability >= 10) or gpu.capability == 9.5)
    assert gpu.power_w is None or 20 < gpu.power_w <= 1_400


@pytest.mark.parametrize("gpu", known_gpus(), ids=lambda gpu: gpu.name)
def test_links_are_those_of_the_form_factor(gpu: GpuSpec) -> None:
    link = gpu.interconnect
    if link.kind == "pcie":
        # PCIe 3.0, 4.0 and 5.0 of 16 lanes, or of fewer; a DGX Spark has its network card
        assert link.gb_s_per_direction in (8, 16, 25, 32, 64)
    else:
        assert link.gb_s_per_direction >= 150
    if link.pair_bridge_gb_s_per_direction is not None:
        assert link.kind == "pcie"
        assert link.pair_bridge_gb_s_per_direction > link.gb_s_per_direction


def test_cards_with_an_optional_bridge_count_as_pcie() -> None:
    # RTX A6000 data sheet: NVLink 112.5 GB/s both ways between two cards
    link = find_gpu("A6000").interconnect
    assert (link.kind, link.gb_s_per_direction, link.pair_bridge_gb_s_per_direction) == ("pcie", 32, 56.25)


@pytest.mark.parametrize(
    ("name", "memory_gb", "of_a_node"), [("MI250", 64, 8), ("MI250X", 64, 8), ("MAX-1550", 64, 16)]
)
def test_half_of_a_card_is_a_gpu_where_the_engine_sees_two(name: str, memory_gb: int, of_a_node: int) -> None:
    # rocm-smi lists eight GPUs on a node of four MI250 (vLLM's issue 10663); two stacks of a Max 1550 are two
    # devices in Level Zero's default, FLAT (Intel, "Flattening GPU Tile Hierarchy").
    gpu = find_gpu(name)
    assert gpu.devices_per_card == 2
    assert gpu.memory_mib == pytest.approx(memory_gb * 1024, rel=0.001)
    assert gpu.gpus_per_node == of_a_node
    assert gpu.memory_bandwidth_gb_s == pytest.approx(1639, rel=0.001)
    with_less = find_gpu("MI210")  # half a MI250 is one die of the same kind
    assert gpu.vendor != "amd" or gpu.dense_tflops["bf16"] == pytest.approx(
        with_less.dense_tflops["bf16"], rel=0.06
    )
