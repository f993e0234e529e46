# One image per distribution: docker build --build-arg DISTRIBUTION=services/catalog --build-arg COMMAND=quicksync-catalog .
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS wheels
WORKDIR /src
COPY requirements/build.txt requirements/
RUN python -m venv /build && /build/bin/pip install --no-cache-dir --quiet --require-hashes -r requirements/build.txt
COPY libs libs
COPY services services
ARG DISTRIBUTION
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels ./libs/common ./${DISTRIBUTION}

FROM ${PYTHON}
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/app/bin:$PATH
RUN python -m venv /app
ARG REQUIREMENTS=requirements/runtime.txt
COPY ${REQUIREMENTS} /tmp/requirements.txt
RUN /app/bin/pip install --no-cache-dir --quiet --require-hashes -r /tmp/requirements.txt
COPY --from=wheels /wheels /tmp/wheels
RUN /app/bin/pip install --no-cache-dir --quiet --no-deps /tmp/wheels/*.whl
ARG COMMAND
RUN ln -s /app/bin/${COMMAND} /usr/local/bin/serve
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["serve"]
