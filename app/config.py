"""All settings, each also an environment variable with the prefix MIEN_; read by main.py and cli.py only."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one server; wrong values stop the start."""

    model_config = SettingsConfigDict(env_prefix="MIEN_", frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N; CUDA without a GPU stops the start.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto", description="auto computes in bfloat16 where the hardware does."
    )
    threads: int = Field(default=0, ge=0, le=1024, description="CPU threads of the networks; 0: one a core.")
    weights_dir: Path | None = Field(
        default=None, description="Folder with manifest.json; default: the weights that come with Mien."
    )
    max_batch_size: int = Field(default=16, ge=1, le=256, description="Most pictures a pass of the networks.")
    max_batch_wait_ms: float = Field(
        default=0.0, ge=0, le=1000, description="How long a batch gathers while the networks are idle."
    )
    queue_size: int = Field(default=64, ge=1, le=4096, description="Most pictures in work at once; then 503.")
    decode_threads: int = Field(default=2, ge=1, le=64, description="Threads that decode pictures.")
    deadline_s: float = Field(default=30.0, gt=0, le=600, description="Longest time for one picture; then 504.")
    max_image_bytes: int = Field(default=20_000_000, ge=1, description="Largest picture file; then 413.")
    max_request_bytes: int = Field(default=100_000_000, ge=1, description="Largest request body; then 413.")
    max_pixels: int = Field(default=50_000_000, ge=1, description="Largest width x height; then 413, undecoded.")
    tracking: bool = Field(default=True, description="Whether faces of a stream keep an id over its frames.")
    smoothing_s: float = Field(
        default=0.35,
        ge=0,
        le=10,
        description="Time constant of a stream's smoothed probabilities; 0 or no tracking: none.",
    )
    stream_max_sessions: int = Field(
        default=60, ge=1, le=10_000, description="Most streams at once; then close code 1013."
    )
    stream_max_frames_per_second: float = Field(
        default=30.0, gt=0, le=1000, description="Most frames a second of one stream; more are answered as dropped."
    )
    stream_max_frame_bytes: int = Field(default=5_000_000, ge=1, description="Largest message; then close code 1009.")
    stream_idle_timeout_s: float = Field(
        default=60.0, gt=0, le=86_400, description="A stream without messages for longer is closed with 1008."
    )
    stream_ping_s: float = Field(
        default=20.0, gt=0, le=3600, description="Time between pings, and longest time to answer one."
    )
    stream_origins: tuple[str, ...] = Field(
        default=(),
        description="Further web origins whose pages may stream, as a JSON list; the server's own always may.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")
