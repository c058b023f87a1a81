"""All settings, each also an environment variable with the prefix MIEN_; environment.py reads them for programs."""

import re
from pathlib import Path
from typing import Any, Literal, Self

from limits import parse_many
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.config_lists import check_proxies, is_host, is_origin, listed
from app.errors import SettingsError

COMMENT = re.compile(r"(^|\s)#.*")
"""A comment in a key file; a # inside a key is part of the key."""

KEY = re.compile(r"[\x21-\x7e]+")
"""A string that a header can carry (RFC 9110, section 5.5), without spaces."""

STORAGE = re.compile(r"rediss?://[^\s/]", re.ASCII)

HOST = re.compile(r"[0-9A-Za-z._%:-]{1,253}", re.ASCII)
"""Characters of names and of IP addresses, IPv6 and its zones included."""


class Settings(BaseSettings):
    """The settings of one server; invalid values prevent it from starting."""

    model_config = SettingsConfigDict(env_prefix="MIEN_", frozen=True, extra="ignore", env_ignore_empty=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N; CUDA without a GPU stops the start.")
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        default="auto",
        description="auto: the fastest that costs little: int8 to find faces, bfloat16 to classify, where the CPU can.",
    )
    runtime: Literal["auto", "torch", "openvino"] = Field(
        default="auto", description="What runs the networks; auto: OpenVINO on a CPU, PyTorch (extra gpu) on a GPU."
    )
    threads: int = Field(
        default=0, ge=0, le=1024, description="CPU threads of the networks; 0: one per core, or a container's share."
    )
    weights_dir: Path | None = Field(
        default=None, description="Folder with manifest.json; default: the weights that come with Mien."
    )
    attributes: str | None = Field(
        default=None,
        description="Comma-separated: what can be asked of a face besides its emotion, such as gender.",
    )
    max_batch_size: int = Field(default=16, ge=1, le=256, description="Most pictures in one pass of the networks.")
    max_batch_wait_ms: float = Field(
        default=0.0, ge=0, le=1000, description="How long a batch gathers while the networks are idle."
    )
    queue_size: int = Field(
        default=64, ge=1, le=4096, description="Most pictures of one client in work at once; then 503."
    )
    decode_threads: int = Field(default=2, ge=1, le=64, description="Threads that decode pictures.")
    deadline_s: float = Field(default=30.0, gt=0, le=600, description="Longest time for one picture; then 504.")
    max_image_bytes: int = Field(default=20_000_000, ge=1, description="Largest picture file; then 413.")
    max_request_bytes: int = Field(default=100_000_000, ge=1, description="Largest request body; then 413.")
    max_pixels: int = Field(default=50_000_000, ge=1, description="Largest width x height; then 413, undecoded.")
    max_face_pixels: int = Field(
        default=4_000_000, ge=1, description="Largest width x height of a picture for /classify; then 413, undecoded."
    )
    max_pixels_held: int = Field(
        default=300_000_000, ge=1, description="Most memory of decoding and decoded pictures, in pixels of 3 bytes."
    )
    max_body_bytes_held: int = Field(
        default=300_000_000, ge=1, description="Most bytes of all request bodies together; then 503."
    )
    max_requests: int = Field(
        default=512, ge=1, description="Most requests of one client answered at once, GET apart; then 503."
    )
    upload_timeout_s: float = Field(default=30.0, gt=0, le=3600, description="Longest time for a body; then 408.")
    header_timeout_s: float = Field(default=10.0, gt=0, le=600, description="Longest time for the request's headers.")
    api_keys: SecretStr | None = Field(default=None, description="Comma-separated keys; without any, all may ask.")
    api_keys_file: Path | None = Field(default=None, description="File with one key per line; # begins a comment.")
    rate_limit: str | None = Field(default=None, description="Most requests per client, such as 60/minute; then 429.")
    rate_limit_storage: SecretStr | None = Field(
        default=None, description="Redis or Valkey that counts for several servers, such as redis://host:6379/0."
    )
    cors_origins: str | None = Field(
        default=None,
        description="Comma-separated origins whose pages may ask and stream, or *; the server's own always may.",
    )
    trusted_proxies: str | None = Field(
        default=None, description="Comma-separated addresses or networks whose X-Forwarded-For is believed, or *."
    )
    allowed_hosts: str | None = Field(
        default=None,
        description="Comma-separated names that requests may be for, or *; default on a loopback address: its own.",
    )
    max_connections: int = Field(
        default=8_000, ge=1, description="Most connections; fewer where the system gives fewer descriptors."
    )
    max_connections_per_address: int = Field(
        default=1_000, ge=1, description="Most connections of one address; trusted proxies are not counted."
    )
    second_looks: bool = Field(
        default=True, description="Search pictures without a sure face again: turned, with a border, in windows."
    )
    tracking: bool = Field(default=True, description="Whether faces of a stream keep an id over its frames.")
    smoothing_s: float = Field(
        default=0.35,
        ge=0,
        le=10,
        description="Time constant of a stream's smoothed probabilities; 0 or no tracking: none.",
    )
    stream_search_every_s: float = Field(
        default=0.5,
        ge=0,
        le=10,
        description="How often at least all of a stream's frame is searched, else around known faces; 0: always.",
    )
    stream_max_sessions: int = Field(
        default=60, ge=1, le=10_000, description="Most streams of one client at once; then close code 1013."
    )
    stream_max_frames_per_second: float = Field(
        default=30.0, gt=0, le=1000, description="Most frames per second of one stream; more are answered as dropped."
    )
    stream_max_frame_bytes: int = Field(default=5_000_000, ge=1, description="Largest message; then close code 1009.")
    stream_idle_timeout_s: float = Field(
        default=60.0, gt=0, le=86_400, description="A stream without frames for longer is closed with 1008."
    )
    stream_ping_s: float = Field(
        default=20.0, gt=0, le=3600, description="Time between pings, and longest time to answer one."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")
    log_format: Literal["text", "json"] = Field(default="text", description="Lines for people, or JSON for machines.")

    @model_validator(mode="before")
    @classmethod
    def _without_line_ends(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Strip what files with Windows' line ends leave behind; what is empty then, counts as unset, except a key."""
        bare = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in bare.items() if value != "" or name.startswith("api_keys")}

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        if not HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no address: write a name or an IP address, without a scheme, port or path")
        return host

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate(cls, rate: str | None) -> str | None:
        if rate is not None:
            rates = parse_many(rate)
            if len(rates) != 1 or rates[0].amount < 1:
                raise ValueError("give one rate of at least one request, such as 60/minute")
        return rate

    @field_validator("rate_limit_storage")
    @classmethod
    def _is_a_storage(cls, address: SecretStr | None) -> SecretStr | None:
        if address is not None and not STORAGE.match(address.get_secret_value()):
            raise ValueError("write redis://host:port/number or rediss://user:password@host:port, for Valkey, too")
        return address

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: str | None) -> str | None:
        for origin in listed(origins):
            if origin != "*" and not is_origin(origin):
                raise ValueError(f"{origin!r} is no origin: write https://host or http://host:port, or * for all")
        return origins

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, hosts: str | None) -> str | None:
        for host in listed(hosts):
            if host != "*" and not is_host(host):
                raise ValueError(f"{host!r} is no host: write a name or address without scheme and port, or * for all")
        return hosts

    @field_validator("trusted_proxies")
    @classmethod
    def _are_proxies(cls, proxies: str | None) -> str | None:
        if proxies is not None:
            check_proxies(proxies)
        return proxies

    @model_validator(mode="after")
    def _one_request_fits(self) -> Self:
        if self.max_pixels_held < self.max_pixels:
            raise ValueError("MIEN_MAX_PIXELS_HELD must be at least MIEN_MAX_PIXELS")
        if self.max_body_bytes_held < self.max_request_bytes:
            raise ValueError("MIEN_MAX_BODY_BYTES_HELD must be at least MIEN_MAX_REQUEST_BYTES")
        return self

    @model_validator(mode="after")
    def _what_is_stored_is_counted(self) -> Self:
        if self.rate_limit_storage is not None and self.rate_limit is None:
            raise ValueError("MIEN_RATE_LIMIT_STORAGE does nothing without MIEN_RATE_LIMIT: set both, or unset it")
        return self

    @property
    def all_attributes(self) -> tuple[str, ...]:
        """The attributes besides emotion, one by one."""
        return tuple(dict.fromkeys(listed(self.attributes)))

    @property
    def all_cors_origins(self) -> tuple[str, ...]:
        """The origins, one by one."""
        return listed(self.cors_origins)

    @property
    def all_allowed_hosts(self) -> tuple[str, ...]:
        """The names, one by one."""
        return listed(self.allowed_hosts)

    @property
    def all_api_keys(self) -> tuple[str, ...]:
        """The keys from the environment and from the file.

        Raises:
            SettingsError: If keys are required but none is given, which would let everybody in; if a key cannot be sent
                in a header; or if the file cannot be read or is not UTF-8.
        """
        named = listed(self.api_keys.get_secret_value() if self.api_keys else None)
        lines = _lines(self.api_keys_file) if self.api_keys_file else []
        in_file = (COMMENT.sub("", line).strip() for line in lines)
        keys = (*named, *(key for key in in_file if key))
        if not keys and (self.api_keys is not None or self.api_keys_file is not None):
            raise SettingsError("MIEN_API_KEYS or MIEN_API_KEYS_FILE is set but holds no key: add one, or unset both.")
        if not all(KEY.fullmatch(key) for key in keys):
            raise SettingsError("An API key has spaces or other signs than ASCII's: headers cannot carry it.")
        return keys


def _lines(path: Path) -> list[str]:
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            raise FileNotFoundError(2, "no such file, or not a plain one")
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SettingsError(f"MIEN_API_KEYS_FILE: {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not text in UTF-8: save it as such, one API key per line.") from error
