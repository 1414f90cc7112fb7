// The border between C++ and Rust: no exception crosses it.
#pragma once
#include <cstring>
#include <exception>

// Runs `body`; returns null, or the message of its exception for the caller to free.
template <typename F> char *guarded(F body) {
  try {
    body();
    return nullptr;
  } catch (const std::exception &e) {
    return strdup(e.what());
  } catch (...) {
    return strdup("unknown C++ exception");
  }
}
