//! What files mean: names, types, ids and values as the generator gets them, and that every file of C++ Mage is one.

use std::collections::HashMap;
use std::path::PathBuf;

use magen_nom::analysis::{Analysis, Format, Options};
use magen_nom::diagnostic::Style;
use magen_nom::load::{Memory, Root};
use magen_nom::model::{Absent, Enum, Interface, Item, Method, Model, Reply, Struct, Type, Union, Value};
use magen_nom::types::{HandleKind, Scalar};

fn compile_files(files: &[(&str, &str)], options: &Options) -> Analysis {
    let named = files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
    let memory = Memory(named.collect::<HashMap<_, _>>());
    Analysis::with(vec![Root::Path(files[0].0.into())], options, &memory)
}

/// The model of a text that has nothing wrong with it.
fn compile(text: &str) -> Model {
    let analysis = compile_files(&[("test.magen", text)], &Options::default());
    assert_eq!(analysis.report(Format::Human(Style::Plain)), "", "{text}");
    analysis.model
}

fn interfaces(model: &Model) -> Vec<&Interface> {
    let items = model.files[0].items.iter();
    items.filter_map(|item| if let Item::Interface(found) = item { Some(found) } else { None }).collect()
}

fn structs(model: &Model) -> Vec<&Struct> {
    let items = model.files[0].items.iter();
    items.filter_map(|item| if let Item::Struct(found) = item { Some(found) } else { None }).collect()
}

fn enums(model: &Model) -> Vec<&Enum> {
    let items = model.files[0].items.iter();
    items.filter_map(|item| if let Item::Enum(found) = item { Some(found) } else { None }).collect()
}

fn unions(model: &Model) -> Vec<&Union> {
    let items = model.files[0].items.iter();
    items.filter_map(|item| if let Item::Union(found) = item { Some(found) } else { None }).collect()
}

fn constants(model: &Model) -> Vec<(&str, &Value)> {
    let items = model.files[0].items.iter();
    items.filter_map(|item| if let Item::Const(it) = item { Some((&*it.name.rust, &it.value)) } else { None }).collect()
}

/// `Name(type name, …)` for each method, types as in Rust.
fn signatures(interface: &Interface) -> Vec<String> {
    let params = |method: &Method| {
        let params = method.params.iter().map(|param| format!("{:?} {}", param.ty, param.name.idl));
        params.collect::<Vec<_>>().join(", ")
    };
    interface.methods.iter().map(|method| format!("{}({})", method.name.idl, params(method))).collect()
}

#[test]
fn every_layout_of_cpp_mage_means_the_same() {
    let layouts = [
        "interface Demo {\n  First(int a, string b);\n  Second();\n}\n",
        "interface Demo {\n  First(int a, string b);\n  Second();\n}",
        "interface Demo { First(int a, string b); Second(); }",
        "interface Demo{First(int a,string b);Second();}",
        "interface Demo {\r\n\tFirst(int a,\r\n\t\tstring b);\r\n\tSecond( );\r\n}\r\n",
        "// A comment.\ninterface Demo { // another\n  // and one\n  First(int a, // between\n string b); // behind\n Second();\n}\n// at the end",
        "interface\nDemo\n{\nFirst\n(\nint\na\n,\nstring\nb\n)\n;\nSecond(\n)\n;\n}\n",
        "\u{feff}interface Demo {  First ( int a , string b ) ; ; Second ( ) ; } ; ",
        "interface Demo {\n\n\n  First(int /* odd */ a, /* odder */ string b);\n  /**/Second(/* none */);\n}/* end */",
    ];
    for layout in layouts {
        let model = compile(layout);
        let [demo] = interfaces(&model)[..] else { panic!("{layout}") };
        assert_eq!(signatures(demo), ["First(Scalar(I32) a, String { max: None } b)", "Second()"], "{layout}");
        assert!(demo.methods.iter().all(|method| matches!(method.reply, Reply::OneWay)), "{layout}");
    }
}

#[test]
fn all_types_of_cpp_mage_are_known() {
    let model = compile("interface T { All(bool a, int b, long c, double d, char e, string f, MessagePipe g); }");
    let types: Vec<&Type> = interfaces(&model)[0].methods[0].params.iter().map(|param| &param.ty).collect();
    let scalars = [Scalar::Bool, Scalar::I32, Scalar::I64, Scalar::F64, Scalar::U8].map(Type::Scalar);
    let expected: Vec<&Type> = scalars.iter().chain([&Type::String { max: None }, &Type::MessagePipe]).collect();
    assert_eq!(types, expected);
}

#[test]
fn several_interfaces_and_empty_ones_stand_in_a_file() {
    let model = compile("interface A {}\ninterface B { }\ninterface C { Foo(); } interface D {};");
    let names: Vec<&str> = interfaces(&model).iter().map(|interface| &*interface.name.rust).collect();
    assert_eq!(names, ["A", "B", "C", "D"]);
}

#[test]
fn an_empty_file_is_a_file() {
    for text in ["", "\n", "// nothing", "/* nothing */", "///", ";"] {
        assert!(compile(text).files[0].items.is_empty(), "{text:?}");
    }
}

#[test]
fn no_word_is_reserved() {
    let words = "module import interface struct enum union const bool int long double char string MessagePipe bytes array map \
                 handle result stream shared_buffer pending_remote pending_receiver path true false fd";
    for word in words.split_whitespace() {
        let model = compile(&format!("interface {word} {{ {word}(int {word}, string other); }}"));
        assert_eq!(signatures(interfaces(&model)[0])[0].split('(').next(), Some(word));
        compile(&format!("interface I {{ Foo(pending_remote<{word}> it); }} interface {word} {{}}"));
        compile(&format!("struct S {{ int {word}; }} enum E {{ {word} }} union U {{ int {word}; }}"));
        compile(&format!("module {word}.{word};"));
    }
}

#[test]
fn rust_names_keep_acronyms_and_avoid_reserved_words() {
    let model = compile(
        "interface Navigator { NavigateToURL(string theURL); Type(int type, int self); Clone(); Self(); }\
         interface self_service {} interface Self {}",
    );
    let found = interfaces(&model);
    let methods: Vec<&str> = found[0].methods.iter().map(|method| &*method.name.rust).collect();
    assert_eq!(methods, ["navigate_to_url", "r#type", "clone_", "self_"]);
    let variants: Vec<&str> = found[0].methods.iter().map(|method| &*method.variant).collect();
    assert_eq!(variants, ["NavigateToURL", "Type", "Clone", "Self_"]);
    let params: Vec<&str> = found[0].methods.iter().flat_map(|m| &m.params).map(|param| &*param.name.rust).collect();
    assert_eq!(params, ["the_url", "r#type", "self_"]);
    assert_eq!((&*found[1].name.rust, &*found[2].name.rust, &*found[2].base), ("SelfService", "Self_", "Self"));
}

#[test]
fn ids_are_hashes_of_full_names_and_can_be_given() {
    let model = compile("module math.core; interface Calculator { Add(); Sub @7 (); Mul @0xffff_ffff (); }");
    let calculator = interfaces(&model)[0];
    assert_eq!(calculator.full_name, "math.core.Calculator");
    assert_eq!(calculator.methods[0].full_name, "math.core.Calculator.Add");
    // Computed apart from this program, so that a change of the hash does not go unnoticed: ids are for ever.
    assert_eq!(calculator.id, fnv1a_64(b"math.core.Calculator"));
    assert_eq!(calculator.methods[0].id, fnv1a_32(b"math.core.Calculator.Add"));
    assert_eq!((calculator.methods[1].id, calculator.methods[2].id), (7, u32::MAX));
    let without = compile("interface Calculator { Add(); }");
    assert_eq!(interfaces(&without)[0].methods[0].full_name, "Calculator.Add");
}

fn fnv1a_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619))
}

fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(14_695_981_039_346_656_037, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211))
}

#[test]
fn all_forms_of_replies_are_told_apart() {
    let model = compile(
        "enum E { Bad } interface I { A(); B() => (); C() => int; D() => (int a, string b); E() => result<int, E>; \
         F() => result<(), E>; G() => stream<int?>; H() => (int a,); }",
    );
    let methods = &interfaces(&model)[0].methods;
    let shapes: Vec<String> = methods
        .iter()
        .map(|method| match &method.reply {
            Reply::OneWay => "one-way".to_owned(),
            Reply::Values(values) => values.iter().map(|value| format!("{} ", value.name.rust)).collect(),
            Reply::Result { ok, error } => format!("{} or {}", ok.is_some(), matches!(error, Type::Enum(_))),
            Reply::Stream(item) => format!("{item:?}"),
        })
        .collect();
    let expected = ["one-way", "", "value ", "a b ", "true or true", "false or true", "Optional(Scalar(I32))", "a "];
    assert_eq!(shapes, expected);
    assert!(enums(&model)[0].is_error);
}

#[test]
fn types_with_arguments_are_understood() {
    let model = compile(
        "interface I { A(string<64> a, bytes<8>? b, array<array<int, 3>> c, map<string, I_S?> d, handle<file> e, handle f, \
         handle<socket> g, shared_buffer h, pending_receiver<I> i); } struct I_S {}",
    );
    let types: Vec<Type> = interfaces(&model)[0].methods[0].params.iter().map(|param| param.ty.clone()).collect();
    let int = || Box::new(Type::Scalar(Scalar::I32));
    assert_eq!(types[0], Type::String { max: Some(64) });
    assert_eq!(types[1], Type::Optional(Box::new(Type::Bytes { max: Some(8) })));
    let inner = Box::new(Type::Array { element: int(), length: Some(3) });
    assert_eq!(types[2], Type::Array { element: inner, length: None });
    assert!(matches!(&types[3], Type::Map { value, .. } if matches!(&**value, Type::Optional(_))));
    let handles = [HandleKind::File, HandleKind::Fd, HandleKind::Socket].map(Type::Handle);
    assert_eq!(types[4..7], handles);
    assert_eq!(types[7], Type::SharedBuffer);
    assert!(matches!(types[8], Type::PendingReceiver(item) if item.index == 0));
}

#[test]
fn constants_and_defaults_are_computed() {
    let model = compile(
        "const int kLow = -0x10; const long HIGH = kLow; const double Half = 1; const string TEXT = \"a\\n\\u{e9}\"; \
         const bytes RAW = TEXT; const Color FAVOURITE = Green; const bool YES = true; \
         enum Color { Red, Green = 5, Blue } \
         struct Pen { Color color = Color.Blue; Color other = FAVOURITE; int? width = kLow; string name; \
         [MinVersion=1] array<int> marks; [MinVersion=2] bool solid = YES; }",
    );
    let color = enums(&model)[0];
    assert_eq!(color.enumerators.iter().map(|one| one.value).collect::<Vec<_>>(), [0, 5, 6]);
    let found = constants(&model);
    assert_eq!(found[0], ("LOW", &Value::Int(-16)));
    assert_eq!(found[1], ("HIGH", &Value::Int(-16)));
    assert_eq!(found[2], ("HALF", &Value::Float(1.0)));
    assert_eq!(found[3].1, &Value::String("a\né".to_owned()));
    assert_eq!(found[4].1, &Value::Bytes("a\né".as_bytes().to_vec()));
    assert!(matches!(found[5].1, Value::Enumerator { index: 1, .. }));
    let fields = &structs(&model)[0].fields;
    assert!(matches!(fields[0].default, Some(Value::Enumerator { index: 2, .. })));
    assert!(matches!(fields[1].absent(), Absent::Default(Value::Enumerator { index: 1, .. })));
    assert_eq!(fields[2].default, Some(Value::Int(-16)));
    assert_eq!(fields[3].absent(), Absent::Malformed);
    assert_eq!((fields[4].absent(), fields[4].min_version), (Absent::Empty, 1));
    assert_eq!(fields[5].default, Some(Value::Bool(true)));
}

#[test]
fn what_is_nested_in_an_interface_belongs_to_it() {
    let model = compile(
        "interface Calculator { enum Mode { Fast, Slow } struct Step { Mode mode; } const int LIMIT = 3; Set(Mode mode); } \
         interface Other { Use(Calculator.Mode mode, Calculator.Step step); const int LIMIT = Calculator.LIMIT; }",
    );
    assert_eq!((&*enums(&model)[0].name.rust, &*enums(&model)[0].full_name), ("CalculatorMode", "Calculator.Mode"));
    assert_eq!((&*structs(&model)[0].name.rust, structs(&model)[0].owner), ("CalculatorStep", Some(0)));
    assert_eq!(constants(&model), [("LIMIT", &Value::Int(3)), ("LIMIT", &Value::Int(3))]);
}

#[test]
fn recursion_gets_boxes_where_they_are_needed_and_nowhere_else() {
    let model = compile(
        "struct Node { Node? next; array<Node> children; Leaf? leaf; } struct Leaf { double weight; } \
         struct A { B? b; } struct B { array<A, 2>? pair; handle h; } union U { Node node; array<U> parts; }",
    );
    let [node, leaf, a, b] = structs(&model)[..] else { panic!("four structs") };
    let is_boxed = |ty: &Type| matches!(ty, Type::Optional(inner) if matches!(&**inner, Type::Boxed(_)));
    assert!(is_boxed(&node.fields[0].ty) && !is_boxed(&node.fields[2].ty));
    assert!(is_boxed(&a.fields[0].ty) && is_boxed(&b.fields[0].ty));
    assert!(node.traits.is_recursive && node.traits.is_data && !node.traits.is_total);
    assert!(!leaf.traits.is_recursive && leaf.traits.is_data && !leaf.traits.is_total);
    assert!(a.traits.is_recursive && !a.traits.is_data && !b.traits.is_data);
    assert!(unions(&model)[0].traits.is_recursive && unions(&model)[0].traits.is_data);
}

#[test]
fn documentation_is_kept_and_other_comments_are_not() {
    let model = compile(
        "/// The file.\nmodule a;\n/// One.\n///   Two.\n//// not this\n// nor this\n[Extensible]\n/// Three.\nenum E {\n  /// Red.\n  Red, /// not Green\n  Green\n}\n\
         /// I.\ninterface I {\r\n  /// M.\r\n  M(/// P.\n int a) => (\n/// R.\nint r);\n}",
    );
    assert_eq!(model.files[0].docs, ["The file."]);
    let color = enums(&model)[0];
    assert_eq!(color.docs, ["One.", "  Two.", "Three."]);
    assert_eq!((&*color.enumerators[0].docs, color.enumerators[1].docs.len()), (&["Red.".to_owned()][..], 0));
    let method = &interfaces(&model)[0].methods[0];
    assert_eq!((&*method.docs, method.params[0].docs.len()), (&["M.".to_owned()][..], 0));
    let Reply::Values(values) = &method.reply else { panic!("values") };
    assert_eq!(values[0].docs, ["R."]);
}

#[test]
fn imports_bring_what_they_declare_and_not_what_they_import() {
    let files = [
        (
            "main.magen",
            "import \"sub/common.magen\"; import \"geometry.magen\"; interface I { Use(Name a, math.Point b, geometry_free c); } struct geometry_free {}",
        ),
        ("sub/common.magen", "import \"deep.magen\"; struct Name { Deep d; }"),
        ("sub/deep.magen", "struct Deep {}"),
        ("inc/geometry.magen", "module math; struct Point {}"),
    ];
    let options =
        Options { include: vec!["inc".into()], rust_paths: vec![("common.magen".into(), "crate::common".into())] };
    let analysis = compile_files(&files, &options);
    assert_eq!(analysis.report(Format::Human(Style::Plain)), "");
    let main = &analysis.model.files[0];
    let imports: Vec<(&str, Option<&str>)> =
        main.imports.iter().map(|import| (&*import.rust_module, import.rust_path.as_deref())).collect();
    assert_eq!(imports, [("common", Some("crate::common")), ("geometry", None)]);
    let deep = [("main.magen", "import \"sub/common.magen\"; struct S { Name n; Deep d; }"), files[1], files[2]];
    assert!(compile_files(&deep, &Options::default()).report(Format::Short).contains("cannot find the type `Deep`"));
}

#[test]
fn one_file_by_two_ways_is_one_file() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("two_ways");
    std::fs::create_dir_all(directory.join("sub")).expect("the directory can be made");
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).expect("the file can be written");
    write("common.magen", "struct Point {}");
    write("sub/other.magen", "import \"../common.magen\"; struct Line { Point a; }");
    write("main.magen", "import \"common.magen\"; import \"sub/other.magen\"; interface I { Use(Point p, Line l); }");
    let analysis = Analysis::of(vec![Root::Path(directory.join("main.magen"))], &Options::default());
    assert_eq!(analysis.report(Format::Human(Style::Plain)), "");
    assert_eq!(analysis.model.files.len(), 3);
}
