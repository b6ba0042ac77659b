// One lambda per alternative of a std::variant, for std::visit: a missing alternative does not compile.
#pragma once

namespace relais {

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

}  // namespace relais
