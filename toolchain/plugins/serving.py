"""The gRPC side of a stand-in: how the engine reaches its resources."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from grpc import ServicerContext as Context
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from typing_extensions import override

from toolchain.plugins import OFFICIAL, instead
from toolchain.plugins.resource import Check, Operation, OperationError, PartialFailureError, Plugin, Resource
from toolchain.plugins.values import Difference, decode, encode, reveal

_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
# Far more than the engine asks at once by default (4 for each core). A thread starts only when it is needed.
_WORKERS = 512


def serve(plugin: Plugin) -> NoReturn:
    """Serves the engine whose address is the first argument until it ends. Exits if there is none."""
    address = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    if address is None:
        sys.exit(f"pulumi-resource-{plugin.name} is for the pulumi CLI to start, with its engine's address")

    def end(*_: object) -> NoReturn:
        plugin.cancel()
        # sys.exit would wait for the threads of unfinished operations.
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    parent = os.getppid()
    server = grpc.server(ThreadPoolExecutor(_WORKERS), interceptors=[_Errors()], options=_OPTIONS)
    engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=_OPTIONS))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(plugin, engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # A CLI that is killed leaves its plugins to themselves.
    while os.getppid() == parent:
        time.sleep(1)
    end()


class _Errors(grpc.ServerInterceptor):
    """Tells the engine of an OperationError in the form in which it shows the official plugins' errors."""

    @override
    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        method = handler.unary_unary

        def answer(request: Any, context: Context) -> Any:
            try:
                return method(request, context)
            except PartialFailureError as failure:
                context.set_trailing_metadata((("grpc-status-details-bin", _details(failure)),))
                context.abort(grpc.StatusCode.UNKNOWN, str(failure))
            except OperationError as error:
                context.abort(grpc.StatusCode.UNKNOWN, str(error))

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)


def _details(failure: PartialFailureError) -> bytes:
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(failure))
    status.details.add().Pack(
        pb.ErrorResourceInitFailed(id=failure.identity, properties=encode(failure.outputs), reasons=[str(failure)])
    )
    return status.SerializeToString()


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, plugin: Plugin, engine: engine_pb2_grpc.EngineStub) -> None:
        self._plugin = plugin
        self._engine = engine

    @override
    def Handshake(self, request: pb.ProviderHandshakeRequest, context: Context) -> pb.ProviderHandshakeResponse:
        typed = self._plugin.strongly_typed
        return pb.ProviderHandshakeResponse(accept_secrets=typed, accept_resources=typed)

    @override
    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=OFFICIAL[self._plugin.name])

    @override
    def GetSchema(self, request: pb.GetSchemaRequest, context: Context) -> pb.GetSchemaResponse:
        def anything(names: Iterable[str]) -> dict[str, dict[str, str]]:
            return {name: {"$ref": "pulumi.json#/Any"} for name in names}

        schema: dict[str, Any] = {
            "name": self._plugin.name,
            "version": OFFICIAL[self._plugin.name],
            "provider": {"inputProperties": anything(self._plugin.configuration)},
            "resources": {
                token: {
                    "properties": anything(resource.properties),
                    "inputProperties": anything(resource.properties),
                }
                for token, resource in self._plugin.resources.items()
            },
            "functions": {token: {} for token in self._plugin.functions},
        }
        return pb.GetSchemaResponse(schema=json.dumps(schema))

    @override
    def CheckConfig(self, request: pb.CheckRequest, context: Context) -> pb.CheckResponse:
        news = decode(request.news)
        allowed = {*self._plugin.configuration, "version", "pluginDownloadURL"}
        lacking = [key for key in news if key not in allowed and not key.startswith("__")]
        return self._checked(Check(news, {key: self._lacks(f"provider property {key!r}") for key in lacking}))

    @override
    def DiffConfig(self, request: pb.DiffRequest, context: Context) -> pb.DiffResponse:
        changed = decode(request.old_inputs) != decode(request.news)
        return pb.DiffResponse(changes=_changes(changed))

    @override
    def Configure(self, request: pb.ConfigureRequest, context: Context) -> pb.ConfigureResponse:
        self._plugin.configure(reveal(decode(request.args)))
        typed = self._plugin.strongly_typed
        return pb.ConfigureResponse(acceptSecrets=typed, acceptResources=typed, supportsPreview=True)

    @override
    def Invoke(self, request: pb.InvokeRequest, context: Context) -> pb.InvokeResponse:
        function = self._plugin.functions.get(request.tok)
        if function is None:
            raise OperationError(self._lacks(request.tok))
        response = pb.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(function(decode(request.args))))  # "return" is a keyword
        return response

    @override
    def Check(self, request: pb.CheckRequest, context: Context) -> pb.CheckResponse:
        resource = self._resource(request.type)
        return self._checked(
            resource.check(request.name, decode(request.olds), decode(request.news), request.randomSeed)
        )

    @override
    def Diff(self, request: pb.DiffRequest, context: Context) -> pb.DiffResponse:
        diff = self._resource(request.type).diff(decode(request.old_inputs), decode(request.olds), decode(request.news))
        ignored = tuple(request.ignoreChanges)
        differences = [found for found in diff.differences if not _within(found.path, ignored)]
        replaces = sorted({_top(found.path) for found in differences if found.replaces})
        return pb.DiffResponse(
            changes=_changes(bool(differences)),
            diffs=sorted({_top(found.path) for found in differences}),
            replaces=replaces,
            deleteBeforeReplace=diff.delete_before_replace and bool(replaces),
            detailedDiff={found.path: _property_diff(found) for found in differences},
            hasDetailedDiff=True,
        )

    @override
    def Create(self, request: pb.CreateRequest, context: Context) -> pb.CreateResponse:
        identity, outputs = self._resource(request.type).create(self._operation(request), decode(request.properties))
        return pb.CreateResponse(id=identity, properties=encode(outputs))

    @override
    def Read(self, request: pb.ReadRequest, context: Context) -> pb.ReadResponse:
        found = self._resource(request.type).read(request.id, decode(request.inputs), decode(request.properties))
        if found is None:
            return pb.ReadResponse()
        inputs, outputs = found
        return pb.ReadResponse(id=request.id, inputs=encode(inputs), properties=encode(outputs))

    @override
    def Update(self, request: pb.UpdateRequest, context: Context) -> pb.UpdateResponse:
        outputs = self._resource(request.type).update(
            self._operation(request), request.id, decode(request.olds), decode(request.news)
        )
        return pb.UpdateResponse(properties=encode(outputs))

    @override
    def Delete(self, request: pb.DeleteRequest, context: Context) -> Empty:
        self._resource(request.type).delete(self._operation(request), request.id, decode(request.properties))
        return Empty()

    @override
    def Cancel(self, request: Empty, context: Context) -> Empty:
        self._plugin.cancel()
        return Empty()

    def _resource(self, token: str) -> Resource:
        resource = self._plugin.resources.get(token)
        if resource is None:
            raise OperationError(self._lacks(token))
        return resource

    def _lacks(self, what: str) -> str:
        return f"{what} is not supported here. {instead(self._plugin.name)}"

    def _operation(self, request: pb.CreateRequest | pb.UpdateRequest | pb.DeleteRequest) -> Operation:
        preview = not isinstance(request, pb.DeleteRequest) and request.preview
        return Operation(
            name=request.name,
            preview=preview,
            timeout=request.timeout or None,
            log=functools.partial(self._log, request.urn),
        )

    def _log(self, urn: str, text: str) -> None:
        # Ephemeral: shown while the operation runs, and not kept among the run's messages.
        line = engine_pb2.LogRequest(severity=engine_pb2.INFO, urn=urn, message=text, ephemeral=True)
        # An engine that is gone must not keep the operation from its end.
        with contextlib.suppress(grpc.RpcError):
            self._engine.Log(line)  # pyright: ignore[reportUnknownMemberType] # the SDK's stub leaves it open

    def _checked(self, check: Check) -> pb.CheckResponse:
        failures = [pb.CheckFailure(property=key, reason=reason) for key, reason in check.failures.items()]
        return pb.CheckResponse(inputs=encode(check.inputs), failures=failures)


def _changes(some: bool) -> pb.DiffResponse.DiffChanges.ValueType:
    return pb.DiffResponse.DIFF_SOME if some else pb.DiffResponse.DIFF_NONE


def _property_diff(found: Difference) -> pb.PropertyDiff:
    return pb.PropertyDiff(kind=pb.PropertyDiff.Kind.Value(found.kind + ("_REPLACE" if found.replaces else "")))


def _top(path: str) -> str:
    return path.split(".")[0].split("[")[0]


def _within(path: str, ancestors: tuple[str, ...]) -> bool:
    return path in ancestors or path.startswith(tuple(f"{name}{next}" for name in ancestors for next in ".["))
