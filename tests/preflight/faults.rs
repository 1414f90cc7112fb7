//! Faulty statements, and scripts that are unusual but right.

/// A statement, the message it must give and the text under the caret.
pub struct Fault {
    /// The statement; `data` is a dataset, `m` a model, `presets` a module, `twice(x)` a function.
    pub code: &'static str,
    /// What must be said.
    pub message: &'static str,
    /// What must be pointed at.
    pub under: &'static str,
}

const fn fault(code: &'static str, message: &'static str, under: &'static str) -> Fault {
    Fault { code, message, under }
}

/// Each kind at least twice.
pub const FAULTS: &[Fault] = &[
    // Functions that are not there.
    fault("attack::pdg()", "function not found: attack::pdg ()", "pdg"),
    fault("dataset::digitz(#{ limit: 5 })", "did you mean dataset::digits?", "digitz"),
    fault("nope(1, data)", "function not found: nope (number, dataset)", "nope"),
    fault("let a = 1 + twise(2)", "did you mean twice?", "twise"),
    fault(
        "presets::salman2021_pgd(0.5)",
        "did you mean presets::salman2020_pgd?",
        "salman2021_pgd",
    ),
    fault("let h = |x| x; h(1)", "h is a variable: h.call(...)", "h"),
    fault("atack::pgd()", "there is no namespace atack", "atack"),
    fault("print(modle::resnet8())", "did you mean model?", "modle"),
    // Methods that are not there.
    fault("m.trian(data)", "a model has no method trian", "trian"),
    fault("data.train.shuffle_all()", "a split has no method shuffle_all", "shuffle_all"),
    fault("m.evaluate(data.test).correct.save()", "a correctness has no method save", "save"),
    fault("\"abc\".upper()", "a text has no method upper", "upper"),
    fault("let f = |x| x.frobnicate(1)", "no type has a method frobnicate", "frobnicate"),
    fault("for x in [m] { x.evalute(data.test); }", "no type has a method evalute", "evalute"),
    fault("data.classes()", "it is a property: .classes without ()", "classes"),
    // Numbers of arguments.
    fault("m.train()", "train: expected 1 argument(s), found 0", "train"),
    fault("m.evaluate(data.test, #{}, 1)", "evaluate: expected 1 argument(s), found 3", "evaluate"),
    fault("attack::shuffled()", "usage: attack::shuffled(attack", "shuffled"),
    fault("presets::salman2020_pgd()", "expected 1 argument(s), found 0", "salman2020_pgd"),
    fault("twice(1, 2)", "twice: expected 1 argument(s), found 2", "twice"),
    fault("\"abc\".sub_string()", "sub_string: expected 1 or 2 argument(s), found 0", "sub_string"),
    fault("let f = |x| x.split(1, 2, 3)", "split: expected 0 or 1 or 2 argument(s)", "split"),
    fault("let f = |x| x.parameter()", "parameter: expected 1 argument(s), found 0", "parameter"),
    // Options that are not there, or missing.
    fault(
        "attack::pgd(#{ norm: \"l2\", epss: 1 })",
        "unknown option epss, did you mean eps?",
        "epss",
    ),
    fault("m.train(data, #{ epochz: 1 })", "train: unknown option epochz", "epochz"),
    fault("let f = |x| x.train(data, #{ epochz: 1 })", "train: unknown option epochz", "epochz"),
    fault("attack::shuffled(attack::pgd(), #{ nam: \"x\" })", "did you mean name?", "nam"),
    fault("m.transfer(data, #{ seed: 1 })", "transfer: protocol is missing", "transfer"),
    fault("let f = |x| x.transfer(data)", "transfer: protocol is missing", "transfer"),
    // Values of a wrong type, out of range, or no choice.
    fault(
        "attack::invert(m, data)",
        "invert: images expected a split or a tensor, found a dataset",
        "data",
    ),
    fault(
        "attack::invert(m, data.test, #{ start: \"gray\" })",
        "start expected \"noise\" or \"grey\" or a tensor, found \"gray\" (a text)",
        "start",
    ),
    fault("attack::invert(m, data.test, #{ start: 0.5 })", "found 0.5", "start"),
    fault(
        "attack::pgd(#{ eps: \"a\" })",
        "pgd: eps expected a number, found \"a\" (a text)",
        "eps",
    ),
    fault("attack::pgd(#{ norm: \"lnf\" })", "did you mean \"linf\"?", "norm"),
    fault("attack::pgd(#{ steps: -1 })", "pgd: steps must be >= 0, found -1", "steps"),
    fault(
        "model::resnet8(#{ width: 0 })",
        "resnet8: width must be from 1 to 65536, found 0",
        "width",
    ),
    fault(
        "m.train(data, #{ momentum: 1.5 })",
        "momentum must be from 0 to 1, found 1.5",
        "momentum",
    ),
    fault(
        "dataset::digits(#{ classes: [0, 1.5] })",
        "classes expected a list or a range",
        "classes",
    ),
    fault("attack::square(#{ rescale: 1 })", "expected true or false, found 1", "rescale"),
    fault(
        "m.train(data, #{ objective: data })",
        "expected an objective, found a dataset",
        "objective",
    ),
    fault(
        "let n = data.classes; m.train(n)",
        "train: source expected a dataset, found a number",
        "n",
    ),
    fault("m.evaluate(data)", "evaluate: split expected a split, found a dataset", "data"),
    fault("m.train(-5)", "train: source expected a dataset, found -5", "-"),
    fault("m.parameter(5)", "parameter: key expected a text, found 5", "5"),
    fault(
        "m.transfer(data, #{ protocol: \"fixed_features\" })",
        "did you mean \"fixed_feature\"?",
        "protocol",
    ),
    fault("attack::pgd(0.5)", "pgd: expected the options as a map, found 0.5", "pgd"),
    fault(
        "m.train(data, #{ on_epoch: 5 })",
        "train: on_epoch expected a function, found 5",
        "on_epoch",
    ),
    fault(
        "let n = param(\"n\", \"a\", \"what\"); m.train(data, #{ epochs: n })",
        "epochs expected a whole number, found a text",
        "epochs",
    ),
    // Properties that are not there.
    fault("let t = data.trian", "a dataset has no property trian", "trian"),
    fault("m.evaluate(data.test).acuracy", "did you mean accuracy?", "acuracy"),
    fault("print(`${attack::pgd().epsilon}`)", "an attack has no property epsilon", "epsilon"),
    fault("m.parameter(\"fc.bias\").size.len", "a tensor has no property size", "size"),
    fault("let e = m.evaluate", "it is a method: evaluate(...)", "evaluate"),
    fault(
        "sweep::grid(#{ arm: [1, 2] }, |c| #{ x: c.amr })",
        "there is no property amr in this map",
        "amr",
    ),
    fault(
        "sweep::grid(#{ arm: [1] }, |c| { let f = || c.arms; #{ x: 1 } })",
        "did you mean arm?",
        "arms",
    ),
    fault("let o = #{ rate: 0.1 }; print(o.raet)", "did you mean rate?", "raet"),
    fault("print(#{ a: 1, b: 2 }.c)", "it has a, b", "c"),
    // Variables that are not there.
    fault("print(dat)", "did you mean data?", "dat"),
    fault("let g = || m.train(dta)", "undefined variable: dta", "dta"),
    fault("missing.field = 5", "undefined variable: missing", "missing"),
    fault("let p = presets::EPS", "the module presets exports no EPS", "EPS"),
    fault("let p = attack::pgd", "it is a function: attack::pgd(", "pgd"),
    // Modules that are not there.
    fault("import \"preset\" as p", "did you mean \"presets\"?", "\"preset\""),
    fault("import \"sub/nowhere\"", "there is no file \"./sub/nowhere.rhai\"", "\"sub/nowhere\""),
    // Callbacks that hold what is being trained.
    fault(
        "m.train(data, #{ on_epoch: |e| print(m) })",
        "captures the model that is being",
        "on_epoch",
    ),
    fault("m.train(data, #{ on_epoch: |e| { let f = || m; } })", "captures the model", "on_epoch"),
];

/// Scripts that run and use names in unusual ways.
pub const FINE: &[&str] = &[
    "let f = |x| x + 1; let g = f; [1, 2].map(g).len",
    "let o = #{ train: |x| x * 2 }; o.train(4)",
    "fn train(x) { x } 5.train(1) + train(2)",
    "fn double() { this * 2 } let x = 4; x.double()",
    "let x = 5; x = \"abc\"; x.len + x.to_upper().len",
    "let x = 1; let x = \"a\"; x.len",
    "let c = #{}; c.key = 1; c.other = 2; c.key + c.other",
    "let m = #{ a: 1 }; m.keys().len + m.len()",
    "let o = #{ a: 1 }; set(o, \"b\", 2); o.b",
    "let o = #{ a: 1 }; if \"b\" in o { o.b } else { o.a }",
    "let o = #{ a: 1 }; let add = || { o.b = 2; }; add.call(); o.b",
    "let o = #{ a: 1 }; let k = \"b\"; o[k] = 2; o.b",
    "let o = #{ a: 1 }; fn grow() { this.b = 2; } o.grow(); o.b",
    "let o = if true { #{ a: 1 } } else { #{ b: 2 } }; o.a",
    "let o = [#{ a: 1 }]; o[0].b = 2; let p = o[0]; p.b",
    "let l = [3, 1, 2]; l.sort(); l.push(4); l.filter(|x| x > 1).reduce(|a, b| a + b, 0)",
    "let t = \"a,b\"; t.split(\",\").map(|p| p.to_upper()).len",
    "let n = 5; n.to_float().sqrt() + n.to_string().len + n.max(7)",
    "let a = 0..5; let s = 0; for i in a { s += i; } s + a.start",
    "let x = (); if x == () { x = 3; } x + 1",
    "let r = try_it(); fn try_it() { try { nope(1); } catch (e) { return 1; } 2 }",
    "let x = #{ a: () }; let y = x?.a?.b; y ?? 5",
    "let f = Fn(\"twice\"); fn twice(x) { x * 2 } f.call(3) + call(f, 4)",
    "fn add(a, b) { a + b } let f = Fn(\"add\"); f.call(2, 3)",
    "let s = switch 5 { 1 => \"a\", 2..6 => `b`, _ => [1] }; s.len",
    "let x = if true { 5 } else { \"a\" }; type_of(x).len",
    "let x = { let y = 3; y + 1 }; x.is_odd",
    "do { break; } while true; let i = 0; while i < 3 { i += 1; } loop { break; } i",
    "const N = 3; fn f() { N + later() } fn later() { 1 } f()",
    "let y = 1; let f = |x| { let g = |z| x + y + z; g.call(1) }; f.call(1)",
    "import \"presets\" as p; fn f(e) { p::salman2020_pgd(e) } f(0.5).name",
    "{ import \"presets\" as q; q::salman2020_pgd(0.5).name }",
    "let o = #{ eps: 0.5 }; attack::pgd(o).name; attack::shuffled(attack::pgd(), o.remove(\"x\") ?? #{}).name",
    "let d = dataset::digits(#{ limit: 100, classes: 0..3 }); [d.train, d.val].map(|s| s.len).len",
    "attack::pgd(#{ eps: 1, step_size: (), norm: `l2` }).name",
    "let cells = sweep::grid(#{ a: 0..2 }, |c| { c.b = 1; #{ x: c.a + c.b } }); cells.len",
    "let cells = sweep::grid(#{ a: 0..2 }, |c| { let d = c; d.z = 1; #{ x: d.z + c.keys().len } }); cells.len",
    "let b = 7; let text = b.to_hex() + 'c' + 1.5.floor(); text.len",
    "let t = tensor::full([2], 1.0) * 2 + tensor::full([2], 1); t.mean + t.to_array().len",
    "let a = [#{ n: 1 }]; a[0].n += 1; a[0].m = 2; a[0][\"k\"] = 3; a[0].n + a[0].m",
    "let x = timestamp(); let s = x.elapsed; [1, 2].zip([3, 4], |a, b| a + b).len",
    "let t = \" abc \"; t.trim(); t.pad(8, '.'); t.replace(\"a\", \"x\"); [t.index_of(\"b\"), t.contains(\"b\"), t.starts_with(\"x\"), t.chars().type_of(), t.crop(1), t.bytes, t.is_empty(), t.to_lower(), \"b\" in t].len",
    "let l = [1, 2, 3]; l.insert(0, 5); l.retain(|x| x > 1); l.dedup(); l.reverse(); [l.find(|x| x > 2), l.some(|x| x > 2), l.all(|x| x > 0), l.index_of(2), l.extract(0..1), l.splice(0..1, [9]), l.contains(3), l.pop(), l.shift(), l.is_empty].len",
    "let n = 2; let x = 1.5; [n ** 3, x.to_int(), x.is_nan, PI(), x.floor, x.ceiling(), n.abs(), n.sign(), n.is_even, x.sqrt(), x.max(2.0), min(n, 3), n.to_hex(), n.type_of(), parse_int(\"5\"), parse_float(\"5\")].len",
    "let m = #{ a: 1 }; m.mixin(#{ b: 2 }); m.set(\"c\", 3); [m.contains(\"a\"), m.remove(\"a\"), m.to_json(), m.values(), m.is_empty(), m.len(), m.get(\"b\"), \"a\" in m, m.c].len",
    "let e = attack::pgd(); [e.to_string(), e.type_of(), e.to_debug(), e.tag, e.is_shared(), `${e}`, \"\" + e].len",
    "is_def_var(\"zzz\") || is_def_fn(\"zzz\", 1)",
    "let n = 1; fn f(x) { x } f(n).to_string().len",
];
