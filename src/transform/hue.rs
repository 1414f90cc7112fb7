//! Hue, by way of Pillow's bytes of hue, saturation and value (`Convert.c`).

use crate::image::Raster;

/// Turns the hue by a share of the colour circle; grey pictures have none.
pub(super) fn turned(picture: &mut Raster, share: f64) {
    if picture.channels() == 1 {
        return;
    }
    let turn = (share * 255.0) as i32 as u8;
    for pixel in picture.bytes_mut().chunks_exact_mut(3) {
        let [hue, saturation, value] = hsv([pixel[0], pixel[1], pixel[2]]);
        pixel.copy_from_slice(&rgb([hue.wrapping_add(turn), saturation, value]));
    }
}

fn hsv([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let distance = |byte: u8| f32::from(most - byte) / range;
    let (from_red, from_green, from_blue) = (distance(red), distance(green), distance(blue));
    // What Pillow computes with a constant of type double is double here.
    let sextant = if red == most {
        from_blue - from_green
    } else if green == most {
        (2.0 + f64::from(from_red) - f64::from(from_blue)) as f32
    } else {
        (4.0 + f64::from(from_green) - f64::from(from_red)) as f32
    };
    let hue = ((f64::from(sextant) / 6.0 + 1.0) % 1.0) as f32;
    let saturation = range / f32::from(most);
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, most]
}

fn rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let angle = f64::from(f32::from(hue) * 6.0) / 255.0;
    let sextant = angle.floor();
    let part = (angle - sextant) as f32;
    let purity = (f64::from(saturation) / 255.0) as f32;
    let scaled = |share: f64| (f64::from(value) * share).round() as u8;
    let p = scaled(1.0 - f64::from(purity));
    let q = scaled(1.0 - f64::from(purity * part));
    let t = scaled(1.0 - f64::from(purity) * (1.0 - f64::from(part)));
    match sextant as u8 % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    }
}
