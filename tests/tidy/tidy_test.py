"""The tidy rules hold themselves: each case is a small tree and the findings that it must give, and no others."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import rooms  # noqa: E402
import tidy  # noqa: E402

HEAD = "// A file that says what it is for.\n"
HEADER = HEAD + "#pragma once\n"


def findings(tree):
    """'path:line rule' of every finding that is fatal."""
    return [f"{found.path}:{found.line} {found.rule}" for found in tidy.check_tree(tree) if found.fatal]


class Rooms(unittest.TestCase):
    def test_an_arrow_down_is_allowed_and_an_arrow_up_is_not(self):
        tree = {
            "base/ids.h": HEADER,
            "ha/core/step.h": HEADER + '#include "base/ids.h"\n',
            "base/upward.h": HEADER + '#include "ha/core/step.h"\n',
        }
        self.assertEqual(findings(tree), ["base/upward.h:3 rooms"])

    def test_rooms_beside_each_other_do_not_see_each_other(self):
        tree = {"netfilter/net/links.h": HEADER, "ha/core/step.cpp": HEAD + '#include "netfilter/net/links.h"\n'}
        self.assertEqual(findings(tree), ["ha/core/step.cpp:2 rooms"])

    def test_values_of_the_core_are_for_all_that_know_them_and_the_machine_is_not(self):
        tree = {
            "ha/core/timing.h": HEADER,
            "ha/core/step.h": HEADER,
            "daemon/config/check.cpp": HEAD + '#include "ha/core/timing.h"\n#include "ha/core/step.h"\n',
        }
        self.assertEqual(findings(tree), ["daemon/config/check.cpp:3 rooms"])

    def test_a_room_sees_itself_but_not_the_rooms_inside_it(self):
        tree = {
            "daemon/cli/parse.h": HEADER,
            "daemon/config/a.h": HEADER,
            "daemon/config/b.cpp": HEAD + '#include "daemon/config/a.h"\n#include "daemon/cli/parse.h"\n',
        }
        self.assertEqual(findings(tree), ["daemon/config/b.cpp:3 rooms"])

    def test_nothing_outside_tests_includes_tests(self):
        tree = {"tests/unit/helper.h": HEADER, "daemon/main.cpp": HEAD + '#include "tests/unit/helper.h"\n'}
        self.assertEqual(findings(tree), ["daemon/main.cpp:2 rooms"])

    def test_a_folder_that_is_no_room_is_a_finding(self):
        self.assertEqual(findings({"util/misc.cpp": HEAD}), ["util/misc.cpp:1 rooms"])

    def test_our_headers_are_quoted_from_the_top_and_others_are_in_brackets(self):
        tree = {
            "base/ids.h": HEADER,
            "base/a.cpp": HEAD + '#include "ids.h"\n#include <base/ids.h>\n#include "gtest/gtest.h"\n#include <map>\n',
        }
        self.assertEqual(findings(tree), ["base/a.cpp:2 include-form", "base/a.cpp:3 include-form",
                                          "base/a.cpp:4 include-form"])

    def test_generated_headers_are_for_the_loader(self):
        tree = {
            "netfilter/loader/a.cpp": HEAD + '#include "data_plane.skel.h"\n',
            "ha/corosync/a.cpp": HEAD + '#include "data_plane.skel.h"\n',
        }
        self.assertEqual(findings(tree), ["ha/corosync/a.cpp:2 rooms"])

    def test_the_table_names_only_rooms_and_has_no_circle(self):
        below = {room: {tidy.room_of(name if name.endswith(".h") else name + "/x") for name in allowed}
                 for room, allowed in rooms.ROOMS.items() if allowed not in (rooms.EVERYTHING,) and room != "tests"}
        for room in below:
            reached, pending = set(), [room]
            while pending:
                for name in below.get(pending.pop(), ()):
                    if name not in reached:
                        reached.add(name)
                        pending.append(name)
            self.assertNotIn(room, reached, f"{room} reaches itself")
            self.assertTrue(reached <= set(rooms.ROOMS), reached)


class Purity(unittest.TestCase):
    def rules_of(self, body):
        return findings({"base/clock.h": HEADER, "base/ids.h": HEADER, "ha/core/a.cpp": HEAD + body})

    def test_the_core_may_use_plain_containers(self):
        self.assertEqual(self.rules_of("#include <map>\n#include <variant>\n#include \"base/ids.h\"\n"), [])

    def test_the_core_has_no_clock_thread_file_or_random_source(self):
        for header in ("<ctime>", "<thread>", "<fstream>", "<iostream>", "<random>", "<mutex>", "<sys/socket.h>",
                       "<unordered_map>", "<boost/asio.hpp>"):
            self.assertEqual(self.rules_of(f"#include {header}\n"), ["ha/core/a.cpp:2 purity"], header)
        self.assertEqual(self.rules_of('#include "base/clock.h"\n'), ["ha/core/a.cpp:2 purity"])

    def test_the_core_names_no_clock_either(self):
        self.assertEqual(self.rules_of("auto t = std::chrono::steady_clock::now();\n"), ["ha/core/a.cpp:2 purity"])

    def test_a_comment_and_a_text_may_name_what_code_may_not(self):
        self.assertEqual(self.rules_of('// not steady_clock\nauto text = "steady_clock";\n/* errno\n   rand */\n'), [])

    def test_state_between_calls_is_a_finding_and_a_constant_is_not(self):
        self.assertEqual(self.rules_of("static int calls = 0;\n"), ["ha/core/a.cpp:2 purity"])
        self.assertEqual(self.rules_of("static constexpr int kLimit = 3;\nstatic int f(int x) { return x; }\n"), [])


class Shape(unittest.TestCase):
    def test_every_source_begins_with_what_it_is_for(self):
        self.assertEqual(findings({"base/a.cpp": "#include <map>\n"}), ["base/a.cpp:1 head"])
        self.assertEqual(findings({"base/a.cpp": "//\n"}), ["base/a.cpp:1 head"])
        self.assertEqual(findings({"lab/x": "#!/usr/bin/env python3\nimport os\n"}), ["lab/x:1 head"])
        self.assertEqual(findings({"lab/x": '#!/usr/bin/env python3\n"""Says what it is for."""\n'}), [])
        self.assertEqual(findings({"lab/__init__.py": ""}), [])

    def test_long_files_are_noted_at_500_lines_and_refused_at_600(self):
        self.assertEqual(findings({"base/a.cpp": HEAD + "\n" * 550}), [])
        self.assertEqual(len(tidy.check_tree({"base/a.cpp": HEAD + "\n" * 550})), 1)
        self.assertEqual(findings({"base/a.cpp": HEAD + "\n" * 600}), ["base/a.cpp:601 size"])

    def test_main_has_100_lines(self):
        self.assertEqual(findings({"daemon/main.cpp": HEAD + "\n" * 100}), ["daemon/main.cpp:101 size"])

    def test_columns_are_characters_not_bytes(self):
        self.assertEqual(findings({"base/a.cpp": HEAD + "// " + "ä" * 117 + "\n"}), [])
        self.assertEqual(findings({"base/a.cpp": HEAD + "// " + "a" * 118 + "\n"}), ["base/a.cpp:2 columns"])

    def test_prose_may_be_long(self):
        self.assertEqual(findings({"docs/a.md": "word " * 400}), [])


class Habits(unittest.TestCase):
    def rules_of(self, body, path="base/a.h"):
        head = HEADER if path.endswith(".h") else HEAD
        return [found.split(" ")[1] for found in findings({path: head + body})]

    def test_a_header_without_pragma_once_is_a_finding(self):
        self.assertEqual(findings({"base/a.h": HEAD}), ["base/a.h:1 habits"])

    def test_no_bool_parameters_in_headers(self):
        self.assertEqual(self.rules_of("void set(int node, bool drained);\n"), ["bool-parameter"])
        self.assertEqual(self.rules_of("void set(bool drained = false);\n"), ["bool-parameter"])
        text = "explicit operator bool() const;\nbool is_set(int node);\nbool flag = false;\n"
        self.assertEqual(self.rules_of(text), [])
        self.assertEqual(self.rules_of("void set(bool drained);\n", "base/a.cpp"), [])

    def test_a_line_may_be_excused_with_a_reason(self):
        self.assertEqual(self.rules_of("void put(bool value);  // tidy: allow bool-parameter: writes one field\n"), [])
        self.assertEqual(self.rules_of("void put(bool value);  // tidy: allow bool-parameter:\n"), ["bool-parameter"])
        self.assertEqual(self.rules_of("void put(bool value);  // tidy: allow columns: why\n"), ["bool-parameter"])

    def test_tasks_are_not_detached(self):
        self.assertEqual(self.rules_of("  co_spawn(io, run(), asio::detached);\n", "base/a.cpp"), ["detached"])

    def test_invariants_are_not_asserts(self):
        self.assertEqual(self.rules_of("assert(x);\n", "base/a.cpp"), ["habits"])
        self.assertEqual(self.rules_of("static_assert(sizeof(int) == 4);\n", "base/a.cpp"), [])

    def test_unfinished_work_and_private_paths_are_findings(self):
        self.assertEqual(self.rules_of("// TO" "DO: later\n"), ["unfinished"])
        self.assertEqual(findings({"docs/a.md": "see /ho" "me/someone/notes\n"}), ["docs/a.md:1 private-path"])
        self.assertEqual(findings({"docs/a.md": "see tests/work/notes\n"}), [])

    def test_a_digit_separator_is_no_character_literal(self):
        text = "inline constexpr int k = 1'000;\nvoid f(bool b);  // it's\n"
        self.assertEqual(self.rules_of(text), ["bool-parameter"])


class Links(unittest.TestCase):
    def test_a_link_to_a_file_or_folder_of_the_tree_is_good_and_any_other_is_not(self):
        tree = {
            "README.md": "[a](docs/a.md#part) [d](docs) [w](https://example.org/x) [m](docs/missing.md)\n"
                         '<img src="docs/images/none.svg">\n',
            "docs/a.md": "[up](../README.md)\n",
        }
        self.assertEqual(findings(tree), ["README.md:1 links", "README.md:2 links"])


if __name__ == "__main__":
    unittest.main()
