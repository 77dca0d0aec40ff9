"""What Windows offers a process: address spaces, protection, sections, heaps, pools, and programs that call them."""
