# One image per distribution. It contains the distribution and common:
#   docker build --build-arg DISTRIBUTION=services/catalog --build-arg COMMAND=quicksync-catalog .
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS build
WORKDIR /src
COPY requirements/build.txt requirements/
RUN python -m venv /build && /build/bin/pip install --no-cache-dir --quiet --require-hashes -r requirements/build.txt
ARG REQUIREMENTS=requirements/runtime.txt
COPY ${REQUIREMENTS} requirements/
RUN python -m venv --without-pip /app \
    && /build/bin/pip --python /app/bin/python install --no-cache-dir --quiet --require-hashes -r ${REQUIREMENTS}
ARG DISTRIBUTION
COPY libs/common libs/common
COPY ${DISTRIBUTION} ${DISTRIBUTION}
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels ./libs/common ./${DISTRIBUTION} \
    && /build/bin/pip --python /app/bin/python install --no-cache-dir --quiet --no-deps /wheels/*.whl

FROM ${PYTHON}
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/app/bin:$PATH
COPY --from=build /app /app
ARG COMMAND
RUN ln -s /app/bin/${COMMAND} /usr/local/bin/serve
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["serve"]
