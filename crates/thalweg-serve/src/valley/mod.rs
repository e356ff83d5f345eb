//! The valley: one small problem that a reader may change, its exact landscape, its flow, and SGD on it.
//!
//! ```
//! use thalweg_serve::valley::{Picture, Setting};
//!
//! let setting = Setting::from_query("anisotropy=5&learning_rate=0.01")?;
//! let picture = Picture::new(&setting)?.json();
//! // As `thalweg predict --depth 2 --noise 1,0.2 --learning-rate 0.01 --batch 10 --json` has it.
//! assert!((picture["prediction"]["sharpness"].as_f64().unwrap() - 11.98).abs() < 0.01);
//! assert!(picture["maps"].is_object());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod field;
mod map;
mod mark;
mod picture;
mod scene;
mod setting;
mod still;
mod watch;

pub use field::{FIELDS, Field, Scale};
pub use map::Map;
pub use mark::{Kind, Mark};
pub use picture::Picture;
pub use scene::{SCENES, Scene};
pub use setting::{Setting, SettingError};
pub use still::still;
pub use watch::{FRAMES, Frame, Watch, frame_steps};
