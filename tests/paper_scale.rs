//! The paper's studies at paper scale, on copies of its data sets and networks that are tiny but
//! named and laid out as the published ones.

mod layouts;

use crate::lab::Lab;
use libtest_mimic::{Failed, Trial};
use std::path::Path;

const STUDIES: [&str; 12] = [
    "source_accuracy",
    "epsilon_transfer",
    "fixed_eps_architectures",
    "width",
    "granularity",
    "texture",
    "inversion",
    "upscaling",
    "frequency_sensitivity",
    "noise_vs_pgd",
    "sample_matched",
    "decomposition",
];
/// Without stanford_cars, whose official lists the tests of its file read.
const OFFICIAL: [&str; 11] = [
    "birdsnap",
    "caltech101",
    "caltech256",
    "cifar10",
    "cifar100",
    "dtd",
    "fgvc_aircraft",
    "flowers102",
    "food101",
    "oxford_pets",
    "sun397",
];

/// The trials.
pub fn tests() -> Vec<Trial> {
    let law = |name: &str, check: fn() -> Result<(), Failed>| {
        Trial::test(format!("paper_scale::{name}"), check)
    };
    vec![
        law("every_study_is_checked_at_every_scale", checked),
        law("networks_transfer_to_the_official_layouts_of_eleven_sets_and_to_cars", twelve),
        law("the_other_studies_read_the_released_networks", others),
        law("the_controls_read_released_networks", released),
        law("the_controls_train_networks_on_imagenet", trained),
    ]
}

fn script(name: &str) -> String {
    format!("{}/scripts/{name}.rhai", env!("CARGO_MANIFEST_DIR"))
}

fn checked() -> Result<(), Failed> {
    let lab = Lab::new();
    for study in STUDIES.map(script) {
        for scale in ["tiny", "small", "paper"] {
            let ran = lab.ok(&["check", &study, "--set", &format!("scale={scale}")]);
            assert_eq!((ran.out, ran.err.as_str()), (format!("{study}: ok\n"), ""));
        }
    }
    Ok(())
}

/// A laboratory with all data, and with narrow networks in the places of released ones: a file tells
/// what it holds.
fn lab(networks: &[(&str, &str)]) -> Lab {
    let lab = Lab::new();
    layouts::data(&lab.path().join("data"));
    for (seed, (arch, name)) in networks.iter().enumerate() {
        // The stylized one is in the layout of torchvision's examples.
        let released = !name.ends_with(".tar");
        let prefix = match name {
            name if name.starts_with("noise") => "1.module.",
            _ if released => "module.model.",
            _ => "module.",
        };
        let options = if arch.starts_with("resnet") { "width: 4, " } else { "" };
        let network = format!("model::{arch}(#{{ {options}seed: {seed} }})");
        let place = lab.path().join("weights").join(name);
        layouts::checkpoint(&lab, &network, prefix, released, &place);
    }
    lab
}

/// Runs a study at paper scale; gives what it printed and the lines of its CSV.
fn run(lab: &Lab, study: &str, settings: &[&str]) -> (String, Vec<String>) {
    let study_path = script(study);
    let mut arguments = vec![study_path.as_str(), "--data", "data", "--weights", "weights"];
    for setting in ["scale=paper"].iter().chain(settings) {
        arguments.extend(["--set", setting]);
    }
    let out = lab.ok(&arguments).out;
    let csv = lab.path().join(Path::new("runs/reports").join(study).with_extension("csv"));
    let cells = std::fs::read_to_string(csv).expect("the cells");
    (out, cells.lines().map(str::to_owned).collect())
}

/// The rows of a printed table, cell by cell.
fn rows<'a>(out: &'a str, title: &str) -> Vec<Vec<&'a str>> {
    let table = out.split("\n\n").find(|table| table.starts_with(title));
    let table = table.unwrap_or_else(|| panic!("no table {title}:\n{out}"));
    let rows = table.lines().skip(3).take_while(|line| !line.starts_with("- "));
    rows.map(|row| row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect()
}

fn twelve() -> Result<(), Failed> {
    let lab = lab(&[("resnet18", "resnet18_l2_eps0.ckpt"), ("resnet18", "resnet18_l2_eps3.ckpt")]);
    let settings = ["archs=resnet18", "eps=0,3", "modes=fixed_feature", "epochs=1", "trials=1"];
    let official = format!("datasets={}", OFFICIAL.join(","));
    let (out, cells) = run(&lab, "epsilon_transfer", &[&settings[..], &[&official]].concat());
    assert_eq!(cells.len(), 1 + 2 * OFFICIAL.len());
    let best = rows(&out, "the best standard and the best robust network");
    assert_eq!(best.iter().map(|row| row[0]).collect::<Vec<_>>(), OFFICIAL);
    for row in &best {
        assert_eq!([row[3], row[5], row[6], row[8]], ["resnet18", "resnet18", "3", "1"], "{row:?}");
    }
    assert!(
        out.contains("- all cells: lr and epoch were selected on test, as in the released code")
    );
    // With one network of each kind there is nothing to test.
    assert!(!out.contains("paired by"), "{out}");

    let folders = ["split=salman2020", "datasets=stanford_cars"];
    let (_, cells) = run(&lab, "epsilon_transfer", &[&settings[..], &folders].concat());
    assert_eq!(cells.len(), 1 + 2);
    Ok(())
}

fn others() -> Result<(), Failed> {
    let lab = lab(&[
        ("resnet18", "resnet18_l2_eps0.ckpt"),
        ("resnet18", "resnet18_l2_eps3.ckpt"),
        ("resnet34", "resnet50_l2_eps0.ckpt"),
        ("resnet34", "resnet50_l2_eps3.ckpt"),
        ("resnet18", "resnet18_linf_eps4.0.ckpt"),
        ("resnet34", "resnet50_train_60_epochs-c8e5653e.pth.tar"),
        ("shufflenet_v2_x1_0", "shufflenet_l2_eps0.ckpt"),
        ("shufflenet_v2_x1_0", "shufflenet_l2_eps3.ckpt"),
    ]);
    let two = ["archs=resnet18,resnet50", "eps=0,3"];
    let short = ["epochs=1", "trials=1"];

    let (out, cells) = run(&lab, "source_accuracy", &two);
    assert_eq!(cells.len(), 1 + 4);
    let beside = rows(&out, "clean accuracy beside the authors'");
    let printed: Vec<&str> = beside.iter().map(|row| row[3]).collect();
    assert_eq!(printed, ["69.79", "53.12", "75.80", "62.83"]);

    let linf = ["norm=linf", "source=published", "datasets=dtd", "archs=resnet18", "eps=0,4"];
    let (out, _) =
        run(&lab, "epsilon_transfer", &[&linf[..], &short, &["modes=fixed_feature"]].concat());
    assert_eq!(rows(&out, "the best standard and the best robust network").len(), 1);

    let (out, _) =
        run(&lab, "granularity", &[&two[..], &short, &["datasets=cifar10,dtd"]].concat());
    let interaction = rows(&out, "gain in accuracy over 0, beyond the gain at pictures native");
    // Pictures of 32 pixels are 32 pixels high already.
    let cifar: Vec<&Vec<&str>> = interaction.iter().filter(|row| row[0] == "cifar10").collect();
    assert!(!cifar.is_empty() && cifar.iter().all(|row| row.contains(&"0.00")), "{interaction:?}");
    assert_eq!(interaction.len(), 2);

    let few = ["datasets=dtd,sun397", "modes=full_network"];
    let (out, cells) = run(&lab, "width", &[&two[..], &short, &few].concat());
    assert_eq!(cells.len(), 1 + 8);
    let interaction = rows(&out, "gain in accuracy over 0, beyond the gain at arch resnet18");
    assert_eq!(interaction.len(), 1);
    assert!(out.contains("n counts data sets"), "{out}");

    let shuffle = ["archs=shufflenet_v2_x1_0", "datasets=dtd"];
    let (_, cells) = run(&lab, "fixed_eps_architectures", &[&shuffle[..], &short].concat());
    assert_eq!(cells.len(), 1 + 2);

    let textures = ["eps=0,3", "datasets=stylized,dtd"];
    let (out, cells) = run(&lab, "texture", &[&textures[..], &short].concat());
    assert_eq!(cells.len(), 1 + 6);
    assert_eq!(rows(&out, "stylized_accuracy by arch, training").len(), 3);

    let (out, cells) = run(&lab, "frequency_sensitivity", &two);
    assert_eq!(cells.len(), 1 + 2 * 2 * 5);
    assert_eq!(rows(&out, "share of accuracy lost under noise of a band").len(), 2 * 5);
    assert!(out.contains("noise of L2 norm 15.70, on images of 224 pixels; the unit is the arch"));

    let (_, cells) = run(&lab, "inversion", &[&two[..], &["images=2", "steps=2"]].concat());
    assert_eq!(cells.len(), 1 + 4);
    Ok(())
}

fn released() -> Result<(), Failed> {
    let released = ["resnet18_l2_eps0.ckpt", "resnet18_l2_eps3.ckpt"];
    let radii = ["0", "0.5", "1", "3", "5"].map(|eps| format!("resnet50_l2_eps{eps}.ckpt"));
    let noises = ["0.00", "0.25", "0.50", "1.00"].map(|sigma| format!("noise_{sigma}.pth.tar"));
    let lab = lab(&(released.into_iter().map(|name| ("resnet18", name)))
        .chain(radii.iter().chain(&noises).map(|name| ("resnet34", name.as_str())))
        .collect::<Vec<_>>());
    let one = ["datasets=caltech101"];
    let three = ["datasets=caltech101,caltech256,cifar10"];
    let (out, cells) = run(&lab, "noise_vs_pgd", &three);
    assert_eq!(cells.len(), 1 + 9 * 2 * 3);
    // Noise is compared with the network of sigma 0, so that nothing but PGD has eps 0; CIFAR is of
    // 32 pixels, so that it counts for small images alone.
    let matched = rows(&out, "noise matched to PGD");
    assert_eq!(matched.len(), 4, "{out}");
    for row in &matched {
        let n = if row[2] == "native" { "2" } else { "3" };
        assert!(row[1].starts_with("gaussian") && row[8] == n, "{out}");
    }
    assert_eq!(rows(&out, "the same in log odds").len(), 4, "{out}");
    assert!(out.contains("accuracy of each arm minus standard, paired by data set"), "{out}");

    let (out, _) = run(&lab, "upscaling", &[&three[..], &["protocols=0"]].concat());
    let contrasts = rows(&out, "contrasts");
    let beyond = |name: &str| contrasts.iter().find(|row| row[0] == name).expect("a contrast")[3];
    assert_eq!(beyond("gain of PGD at 32 px beyond that at 224 px"), "2", "{out}");
    assert_eq!(beyond("gain of PGD at 32 px native beyond that at 32 px"), "2", "{out}");
    assert_eq!(rows(&out, "gain in accuracy over standard, beyond").len(), 1, "{out}");
    let (out, _) =
        run(&lab, "upscaling", &[&one[..], &["protocols=1", "recalibrate=true"]].concat());
    assert!(
        out.contains("beyond that at 224 px, BN adapt, crops random, normaliser none"),
        "{out}"
    );
    Ok(())
}

fn trained() -> Result<(), Failed> {
    let lab = lab(&[]);
    let short = ["datasets=caltech101", "epochs=1", "seeds=1", "attacked=0"];
    let (_, cells) = run(&lab, "decomposition", &[&short[..], &["tuning=0", "arms=3"]].concat());
    assert_eq!(cells.len(), 1 + 3 * 2);
    let (out, cells) = run(&lab, "sample_matched", &[&short[..], &["arms=4"]].concat());
    assert_eq!(cells.len(), 1 + 4 * 2);
    assert_eq!(rows(&out, "budgets, as multiples of standard training").len(), 3, "{out}");
    Ok(())
}
