// Events and actions in one line of words, for traces and scenario files.
#pragma once

#include "ha/core/action.h"
#include "ha/core/event.h"

#include <string>

namespace relais::simulation {

std::string describe(const ha::Event& event);
std::string describe(const ha::Action& action);
std::string describe(const ha::Body& body);
std::string describe(NodeSet nodes);
// How many of each: "171 foreign, 85 serve".
std::string describe(const BucketStates& states);

}  // namespace relais::simulation
