//! One way to run an asynchronous main function on each adapter. This is all that differs between them.

use mage::Node;
use mage_adapter_threads::TaskLoop;

use crate::Failure;
use crate::options::AdapterName;

/// Runs `main` with a node that lives on `adapter`.
pub(crate) fn run<T>(adapter: AdapterName, main: impl AsyncFnOnce(Node) -> T) -> Result<T, Failure> {
    match adapter {
        AdapterName::Threads => {
            let adapter = mage_adapter_threads::Adapter::new()?;
            let node = Node::new(adapter.clone())?;
            Ok(TaskLoop::new(&adapter, "main").run_until(main(node))?)
        }
        AdapterName::Tokio => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let node = Node::new(mage_adapter_tokio::Adapter::with_handle(runtime.handle().clone()))?;
            Ok(runtime.block_on(main(node)))
        }
        AdapterName::Smol => {
            let node = Node::new(mage_adapter_smol::Adapter::global())?;
            Ok(smol::block_on(main(node)))
        }
    }
}
