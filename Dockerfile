# Targets: cpu (default in docker-compose.yml), gpu, training. See docs/deployment.md.
#
#   docker build --target cpu -t mien:cpu .
#
# `cpu` holds OpenVINO alone; `gpu` and `training` add PyTorch, as layers of their own. A layer of dependencies lasts
# until these change; what differs from version to version is a small layer on top.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# What pyproject.toml asks for, as files of their own: they stay the same, and so do the layers below, when it gets a new
# version number or the README a new line.
FROM ${PYTHON_IMAGE} AS requirements
WORKDIR /src
COPY pyproject.toml ./
COPY deploy/requirements.py deploy/
RUN { python deploy/requirements.py; python deploy/requirements.py redis; } > serving.txt \
 && python deploy/requirements.py gpu > gpu.txt \
 && python deploy/requirements.py train > training.txt

FROM ${PYTHON_IMAGE} AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/mien/bin:$PATH
RUN python -m venv /opt/mien
WORKDIR /src
COPY constraints.txt ./
COPY --from=requirements /src/serving.txt ./
RUN pip install --constraint constraints.txt --requirement serving.txt

FROM dependencies AS dependencies-without-pip
RUN pip uninstall --yes pip

# What is installed under another prefix is only what is not in /opt/mien yet; a copy puts it there.
FROM dependencies AS gpu-extras
ARG TORCH_INDEX=""
COPY --from=requirements /src/gpu.txt ./
RUN pip install --constraint constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
    --prefix /opt/extras --requirement gpu.txt

FROM dependencies AS training-extras
COPY --from=requirements /src/training.txt ./
COPY --from=gpu-extras /opt/extras /opt/mien
RUN pip install --constraint constraints.txt --prefix /opt/extras --requirement training.txt

FROM dependencies AS package
RUN pip install --constraint constraints.txt hatchling
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY training training
COPY weights weights
RUN pip install --no-deps --no-build-isolation --prefix /opt/package .

FROM ${PYTHON_IMAGE} AS run
RUN groupadd --system --gid 10001 mien \
 && useradd --system --uid 10001 --gid mien --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin mien \
 && pip uninstall --yes pip setuptools wheel
COPY --from=dependencies-without-pip /opt/mien /opt/mien
# Nothing is written but to /tmp, so that the root file system can be read-only.
ENV PATH=/opt/mien/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001

FROM run AS run-gpu
ENV YOLO_CONFIG_DIR=/tmp MPLCONFIGDIR=/tmp NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=gpu-extras /opt/extras /opt/mien

FROM run-gpu AS training
COPY --from=training-extras /opt/extras /opt/mien
COPY --from=package /opt/package /opt/mien
ENTRYPOINT ["python", "-m", "training"]
CMD ["--help"]

FROM run-gpu AS gpu
COPY --from=package /opt/package /opt/mien
ENV MIEN_DEVICE=cuda MIEN_HOST=0.0.0.0 MIEN_PORT=8000 MIEN_LOG_FORMAT=json
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['MIEN_PORT']}/readyz\", timeout=4)"]
ENTRYPOINT ["mien"]
CMD ["serve"]

# Last, so that it is also what `docker build .` makes.
FROM run AS cpu
COPY --from=package /opt/package /opt/mien
ENV MIEN_DEVICE=cpu MIEN_HOST=0.0.0.0 MIEN_PORT=8000 MIEN_LOG_FORMAT=json
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['MIEN_PORT']}/readyz\", timeout=4)"]
ENTRYPOINT ["mien"]
CMD ["serve"]
