// A filter of HTTP calls that adds the header x-vm-mesh-extension to every answer, with the value that it is configured
// with: {"value": "…"}. Written against the ABI (proxy-wasm 0.2.1) itself, so that it takes Go and nothing else to build.
//
// {"fault": "panic"} has it panic at every request, and {"fault": "refuse"} refuse its configuration.
package main

import (
	"strings"
	"unsafe"
)

const (
	ok              = 1
	goOn            = 0
	pluginConfig    = 7
	responseHeaders = 2
)

var value, fault string

// What is handed to the host has to stay until the host has written to it and this module has read it.
var allocated []byte

func main() {}

//go:wasmexport proxy_abi_version_0_2_1
func abiVersion() {}

//go:wasmexport proxy_on_memory_allocate
func allocate(size uint32) uint32 {
	allocated = make([]byte, max(size, 1))
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(allocated))))
}

//go:wasmimport env proxy_get_buffer_bytes
func getBufferBytes(kind, start, size uint32, found, length unsafe.Pointer) uint32

//go:wasmimport env proxy_add_header_map_value
func addHeader(kind uint32, key unsafe.Pointer, keySize uint32, value unsafe.Pointer, valueSize uint32) uint32

//go:wasmexport proxy_on_context_create
func onContextCreate(_, _ uint32) {}

//go:wasmexport proxy_on_vm_start
func onVMStart(_, _ uint32) uint32 { return ok }

//go:wasmexport proxy_on_configure
func onConfigure(_, size uint32) uint32 {
	var found, length uint32
	if size > 0 && getBufferBytes(pluginConfig, 0, size, unsafe.Pointer(&found), unsafe.Pointer(&length)) == 0 {
		config := string(allocated[:length])
		value, fault = text(config, "value"), text(config, "fault")
	}
	if fault == "refuse" {
		return 0
	}
	return ok
}

//go:wasmexport proxy_on_request_headers
func onRequestHeaders(_, _, _ uint32) uint32 {
	if fault == "panic" {
		panic("as configured")
	}
	return goOn
}

//go:wasmexport proxy_on_response_headers
func onResponseHeaders(_, _, _ uint32) uint32 {
	key := "x-vm-mesh-extension"
	addHeader(responseHeaders, unsafe.Pointer(unsafe.StringData(key)), uint32(len(key)),
		unsafe.Pointer(unsafe.StringData(value)), uint32(len(value)))
	return goOn
}

// text is the text that a flat JSON object has at key. A parser would make the module several times as large.
func text(object, key string) string {
	parts := strings.Split(object, `"`)
	for at := 1; at+2 < len(parts); at += 2 {
		if parts[at] == key {
			return parts[at+2]
		}
	}
	return ""
}
